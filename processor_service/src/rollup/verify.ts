import {
  type Bucket,
  findBucketEnd,
  findBucketStart,
  type Granularity,
  listChildren,
} from '@analytics/shared/rollup/buckets';
import { TOTALS } from '@analytics/shared/rollup/rollupCollections';
import type { BucketCounts } from './bucketCounts.ts';
import { countEvents } from './countEvents.ts';
import type { SiteBucket } from './marks.ts';
import { listHours, type SiteSpan } from './rebuild.ts';
import type { Rollups } from './rollups.ts';
import { listFoldedDimensions, openSite, type RollupSite } from './sites.ts';
import { createValueCounts, type ValueCounts } from './valueCounts.ts';

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
 * Compares what is rolled up of a site with its events: hours with the events themselves, days with their hours, months with their
 * days. Changes no rollup; users who have no number yet get one.
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
  const { store } = rollups;
  const counted = bucket.granularity === 'hour' ? await countHour(rollups, site, bucket) : undefined;
  const differences: string[] = [];
  for (const dimension of counted ? site.dimensions : listFoldedDimensions(site)) {
    const stored = await store.addUp(site.number, dimension, [toBucket(bucket)]);
    const expected = counted
      ? (counted.dimensions.get(dimension) ?? createValueCounts())
      : await store.addUp(site.number, dimension, listChildren(bucket));
    if (!areEqual(stored, expected)) {
      differences.push(dimension);
    }
    stored.dispose();
    if (!counted) {
      expected.dispose();
    }
  }
  counted?.dispose();
  return differences;
}

async function countHour(
  { events, userNumbers }: Rollups,
  site: RollupSite,
  { site_id, startMs }: SiteBucket,
): Promise<BucketCounts> {
  const span = { startMs, endMs: findBucketEnd({ granularity: 'hour', startMs }) };
  const admit = (dimension: string) => site.dimensions.has(dimension);
  const counted = countEvents(
    { events, resolveUsers: userNumbers.resolve },
    { site_id, siteNumber: site.number, spans: [span], admit },
  );
  for await (const { counts } of counted) {
    return counts;
  }
  throw new Error('An hour was not counted.');
}

function areEqual(a: ValueCounts, b: ValueCounts): boolean {
  return (
    a.hasTooManyValues === b.hasTooManyValues &&
    a.rows.size === b.rows.size &&
    [...a.rows].every(([value, { views, users }]) => {
      const other = b.rows.get(value);
      return other !== undefined && other.views === views && other.users.isEqual(users);
    })
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
