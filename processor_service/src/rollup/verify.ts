import {
  type Bucket,
  findBucketEnd,
  findBucketStart,
  type Granularity,
  listChildren,
} from '@analytics/rollups/calendar';
import { TOTAL_DIMENSION } from '@analytics/rollups/documents';
import type { SiteBucket } from '@analytics/rollups/keys';
import { type BucketCounts, createBucketCounts } from './counting/bucketCounts.ts';
import { countEvents } from './counting/countEvents.ts';
import { createLargeBucketLock } from './counting/largeBucketLock.ts';
import { createValueCounts, type ValueCounts } from './counting/valueCounts.ts';
import { areSameUsers } from './counting/valueUsers.ts';
import { listHoursWithEvents, type SiteSpan } from './hoursWithEvents.ts';
import { listMergedDimensions, openSite, type RollupSite } from './rollupSite.ts';
import type { Rollups } from './rollups.ts';

export interface Difference extends SiteBucket {
  /** TOTAL_DIMENSION: the totals. */
  dimension: string;
}

export interface VerifyResult {
  /** Buckets that were compared. */
  checked: number;
  /** Buckets that are invalid. Reports read their events. */
  invalid: number;
  differences: Difference[];
}

/**
 * Compares a site's rollups with its events: hours with the events themselves, days with their hours, months
 * with their days. Changes no rollup. Assigns codes to users that have none yet.
 */
export async function verify(
  rollups: Rollups,
  span: SiteSpan,
  onBucket: (result: VerifyResult) => void,
): Promise<VerifyResult> {
  const result: VerifyResult = { checked: 0, invalid: 0, differences: [] };
  const site = await openSite(rollups.collections, span.site_id);
  const check = async (bucket: SiteBucket) => {
    const wasInvalid = await rollups.invalidations.isInvalid(bucket);
    const differences = wasInvalid ? [] : await findDifferences(rollups, site, bucket);
    // A bucket that became invalid during the comparison does not count.
    if (wasInvalid || (differences.length > 0 && (await rollups.invalidations.isInvalid(bucket)))) {
      result.invalid += 1;
    } else {
      result.checked += 1;
      result.differences.push(...differences.map((dimension) => ({ ...bucket, dimension })));
    }
    onBucket(result);
  };
  const larger: Record<Exclude<Granularity, 'hour'>, Set<number>> = { day: new Set(), month: new Set() };
  for await (const hours of listHoursWithEvents(rollups.events, span)) {
    for (const hour of hours) {
      await check(hour);
      larger.day.add(findBucketStart('day', hour.startMs));
      larger.month.add(findBucketStart('month', hour.startMs));
    }
  }
  for (const granularity of ['day', 'month'] as const) {
    for (const startMs of larger[granularity]) {
      await check({ site_id: span.site_id, granularity, startMs });
    }
  }
  return result;
}

/** Returns the dimensions that differ. */
async function findDifferences(rollups: Rollups, site: RollupSite, bucket: SiteBucket): Promise<string[]> {
  const isHour = bucket.granularity === 'hour';
  const counted = isHour ? await countHour(rollups, site, bucket) : undefined;
  const differences: string[] = [];
  for (const dimension of counted ? site.dimensions : listMergedDimensions(site)) {
    const stored = await mergeDimension(rollups, site, dimension, [bucket]);
    let expected = counted ?? (await mergeDimension(rollups, site, dimension, listChildren(bucket)));
    if (counted?.dimensions.get(dimension)?.hasTooManyValues) {
      // Which dimensions overflow depends on the order of the events. Alone, a dimension that is stored fits.
      expected = await countHour(rollups, site, bucket, dimension);
    }
    if (!areEqual(readCounts(stored, dimension), readCounts(expected, dimension))) {
      differences.push(dimension);
    }
    stored.dispose();
    if (expected !== counted) {
      expected.dispose();
    }
  }
  counted?.dispose();
  return differences;
}

async function mergeDimension(
  { openBuckets }: Rollups,
  { code }: RollupSite,
  dimension: string,
  buckets: readonly Bucket[],
): Promise<BucketCounts> {
  const counts = createBucketCounts({ registerDimension: () => false });
  await openBuckets(code, buckets).merge(dimension, counts.open(dimension), counts.keepBudget);
  return counts;
}

/** Counts an hour in all of the site's dimensions, or in one of them beside the totals. */
async function countHour(
  { events, userDictionary }: Rollups,
  site: RollupSite,
  { site_id, startMs }: SiteBucket,
  only?: string,
): Promise<BucketCounts> {
  const span = { startMs, endMs: findBucketEnd({ granularity: 'hour', startMs }) };
  const registerDimension = (dimension: string) =>
    site.dimensions.has(dimension) && (only === undefined || dimension === only);
  const counted = countEvents(
    {
      events,
      assignCodes: (users) => userDictionary.assign(site.code, users),
      largeBucketLock: createLargeBucketLock(),
    },
    { site_id, spans: [span], registerDimension },
  );
  for await (const { counts } of counted) {
    return counts;
  }
  throw new Error('An hour was not counted.');
}

function readCounts({ dimensions }: BucketCounts, dimension: string): ValueCounts {
  return dimensions.get(dimension) ?? createValueCounts();
}

/** A dimension with too many values on one side is never read from that bucket, so no report can be wrong. */
function areEqual(stored: ValueCounts, expected: ValueCounts): boolean {
  return (
    stored.hasTooManyValues ||
    expected.hasTooManyValues ||
    (stored.rows.size === expected.rows.size &&
      [...stored.rows].every(([value, { views, users }]) => {
        const other = expected.rows.get(value);
        return other !== undefined && other.views === views && areSameUsers(users, other.users);
      }))
  );
}

/** Describes a difference for an operator. */
export function describeDifference({ site_id, granularity, startMs, dimension }: Difference): string {
  const start = new Date(startMs).toISOString().slice(0, granularity === 'hour' ? 16 : 10);
  return `${site_id}: the ${granularity} ${start} differs in ${dimension === TOTAL_DIMENSION ? 'its totals' : dimension}`;
}
