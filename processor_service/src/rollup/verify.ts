import {
  type Bucket,
  findBucketEnd,
  findBucketStart,
  type Granularity,
  listChildren,
} from '@analytics/shared/rollup/buckets';
import { TOTALS } from '@analytics/shared/rollup/rollupCollections';
import { type BucketCounts, createBucketCounts } from './bucketCounts.ts';
import { countEvents } from './countEvents.ts';
import { createLargeTurns } from './largeTurn.ts';
import type { SiteBucket } from './marks.ts';
import { listHours, type SiteSpan } from './rebuild.ts';
import type { Rollups } from './rollups.ts';
import { listFoldedDimensions, openSite, type RollupSite } from './sites.ts';
import { createValueCounts, type ValueCounts } from './valueCounts.ts';
import { areSameUsers } from './valueUsers.ts';

export interface Difference extends SiteBucket {
  /** Empty: the totals. */
  dimension: string;
}

export interface VerifyResult {
  /** Buckets that were compared. */
  checked: number;
  /** Buckets that are marked: reports read their events. */
  marked: number;
  differences: Difference[];
}

/**
 * Compares what is rolled up of a site with its events: hours with the events themselves, days with their
 * hours, months with their days. Changes no rollup; users who have no number yet get one.
 */
export async function verify(
  rollups: Rollups,
  span: SiteSpan,
  onBucket: (result: VerifyResult) => void,
): Promise<VerifyResult> {
  const result: VerifyResult = { checked: 0, marked: 0, differences: [] };
  const site = await openSite(rollups.collections, span.site_id);
  const check = async (bucket: SiteBucket) => {
    const dimensions = await compareBucket(rollups, site, bucket);
    if (dimensions === 'marked') {
      result.marked += 1;
    } else {
      result.checked += 1;
      result.differences.push(...dimensions.map((dimension) => ({ ...bucket, dimension })));
    }
    onBucket(result);
  };
  const larger: Record<Exclude<Granularity, 'hour'>, Set<number>> = { day: new Set(), month: new Set() };
  for await (const hours of listHours(rollups, span)) {
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

/** The dimensions that differ. A bucket that was marked while it was compared is no difference. */
async function compareBucket(
  rollups: Rollups,
  site: RollupSite,
  bucket: SiteBucket,
): Promise<string[] | 'marked'> {
  if (await rollups.marks.isMarked(bucket)) {
    return 'marked';
  }
  const differences = await findDifferences(rollups, site, bucket);
  return differences.length > 0 && (await rollups.marks.isMarked(bucket)) ? 'marked' : differences;
}

async function findDifferences(rollups: Rollups, site: RollupSite, bucket: SiteBucket): Promise<string[]> {
  const isHour = bucket.granularity === 'hour';
  const counted = isHour ? await countHour(rollups, site, bucket) : undefined;
  const differences: string[] = [];
  for (const dimension of counted ? site.dimensions : listFoldedDimensions(site)) {
    const stored = await addUp(rollups, site, dimension, [toBucket(bucket)]);
    let expected = counted ?? (await addUp(rollups, site, dimension, listChildren(bucket)));
    if (counted?.dimensions.get(dimension)?.hasTooManyValues) {
      // Which ones are given up depends on the order of the events. Alone, what is stored fits.
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

async function addUp(
  { store }: Rollups,
  { number }: RollupSite,
  dimension: string,
  buckets: readonly Bucket[],
): Promise<BucketCounts> {
  const counts = createBucketCounts({ admit: () => false });
  await store.openBuckets(number, buckets).addUp(dimension, counts.open(dimension), counts.keepBudget);
  return counts;
}

/** Counts an hour in all of the site's dimensions, or in one of them beside the totals. */
async function countHour(
  { events, userNumbers }: Rollups,
  site: RollupSite,
  { site_id, startMs }: SiteBucket,
  only?: string,
): Promise<BucketCounts> {
  const span = { startMs, endMs: findBucketEnd({ granularity: 'hour', startMs }) };
  const admit = (dimension: string) =>
    site.dimensions.has(dimension) && (only === undefined || dimension === only);
  const counted = countEvents(
    { events, resolveUsers: userNumbers.resolve, largeTurns: createLargeTurns() },
    { site_id, siteNumber: site.number, spans: [span], admit },
  );
  for await (const { counts } of counted) {
    return counts;
  }
  throw new Error('An hour was not counted.');
}

function readCounts({ dimensions }: BucketCounts, dimension: string): ValueCounts {
  return dimensions.get(dimension) ?? createValueCounts();
}

/** What has too many values on one side is read from what is smaller, so that no report can be wrong. */
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

function toBucket({ granularity, startMs }: SiteBucket): Bucket {
  return { granularity, startMs };
}

/** How a person names what differs. */
export function describeDifference({ site_id, granularity, startMs, dimension }: Difference): string {
  const start = new Date(startMs).toISOString().slice(0, granularity === 'hour' ? 16 : 10);
  return `${site_id}: the ${granularity} ${start} differs in ${dimension === TOTALS ? 'its totals' : dimension}`;
}
