import type { mongo } from 'mongoose';
import {
  findBucketEnd,
  findBucketStart,
  findParent,
  GRANULARITIES,
  type Granularity,
  HOUR_MS,
  MIN_DATE,
  type TimeSpan,
} from './calendar.ts';
import type { InvalidationDocument, RollupCollections } from './documents.ts';
import { invalidationsRange, type SiteBucket, toInvalidationKey } from './keys.ts';

/**
 * How long a write may take after it invalidates an hour (ms). The hour is not due before, so that few hours
 * are counted in vain. No answer depends on it.
 */
export const WRITE_LEASE_MS = 60_000;

export interface Invalidations {
  /**
   * Invalidates hours before or after events are stored in them. Ends their claims and restarts their leases.
   */
  invalidateHours(hours: readonly SiteBucket[]): Promise<void>;
  /** Invalidates hours that are due as soon as their leases end. Ends their claims. */
  requestRefresh(hours: readonly SiteBucket[]): Promise<void>;
  /** Invalidates the day of an hour, or the month of a day, and ends its claim. It is due when it is over. */
  invalidateParent(bucket: SiteBucket): Promise<void>;
  /**
   * Returns the hours that may have been counted already: their invalidations are claimed or resolved. The
   * answer is not older than the operation time `writtenAt`.
   */
  findPossiblyCounted(hours: readonly SiteBucket[], writtenAt?: mongo.Timestamp): Promise<SiteBucket[]>;
  /** The invalidations that are due, the earliest first. */
  findDue(granularity: Granularity, limit: number, site_id?: string): Promise<InvalidationDocument[]>;
  /** Whether a smaller bucket inside this one is invalid. */
  hasInvalidationInside(bucket: SiteBucket): Promise<boolean>;
  /** Whether a bucket, or a smaller one inside it, is invalid. */
  isInvalid(bucket: SiteBucket): Promise<boolean>;
  /**
   * Claims invalidations. It must precede every read for their buckets. Skips those that were made again
   * since they were read, or that a later version has claimed. Resolves with the version to write, higher
   * than any before.
   */
  claim(due: readonly InvalidationDocument[]): Promise<number>;
  /** Deletes an invalidation if the claim of the version holds. Resolves with whether it did. */
  resolve(invalidation: Pick<InvalidationDocument, '_id'>, version: number): Promise<boolean>;
}

/**
 * The invalidations in MongoDB. Its clock decides what is due, and nothing else: that every event of a valid
 * hour was counted follows from the order of claims, invalidations and writes (docs/decisions/0016).
 */
export function createInvalidations({
  invalidations,
  versions,
}: Pick<RollupCollections, 'invalidations' | 'versions'>): Invalidations {
  async function invalidate(buckets: readonly SiteBucket[], leaseMs: number): Promise<void> {
    if (buckets.length > 0) {
      const operations = buckets.map((bucket) => ({
        updateOne: {
          filter: { _id: toInvalidationKey(bucket) },
          update: [{ $set: { due_at: findDueTime(findBucketEnd(bucket), leaseMs), is_claimed: false } }],
          upsert: true,
        },
      }));
      await invalidations.bulkWrite(operations, { ordered: false });
    }
  }

  /** Looks for invalidations of the `count` smallest granularities inside a bucket. */
  async function hasInvalidation(
    { site_id, startMs, granularity }: SiteBucket,
    count: number,
  ): Promise<boolean> {
    const span = { startMs, endMs: findBucketEnd({ granularity, startMs }) };
    const ranges = GRANULARITIES.slice(0, count).map((each) => invalidationsRange(site_id, each, span));
    return (await invalidations.findOne({ $or: ranges }, { projection: { _id: 1 } })) !== null;
  }

  return {
    invalidateHours: (hours) => invalidate(hours, WRITE_LEASE_MS),
    requestRefresh: (hours) => invalidate(hours, 0),
    invalidateParent: async ({ site_id, ...bucket }) => {
      const parent = findParent(bucket);
      await invalidate(parent ? [{ site_id, ...parent }] : [], 0);
    },
    findDue: (granularity, limit, site_id) =>
      invalidations
        .find({
          ...(site_id !== undefined && { '_id.site_id': site_id }),
          '_id.granularity': granularity,
          $expr: { $lte: ['$due_at', '$$NOW'] },
        })
        .sort({ due_at: 1 })
        .limit(limit)
        .toArray(),
    hasInvalidationInside: (bucket) => hasInvalidation(bucket, GRANULARITIES.indexOf(bucket.granularity)),
    isInvalid: (bucket) => hasInvalidation(bucket, GRANULARITIES.indexOf(bucket.granularity) + 1),
    findPossiblyCounted: async (hours, writtenAt) => {
      const open = new Set(await findUnclaimed(invalidations, hours.map(toInvalidationKey), writtenAt));
      return hours.filter((hour) => !open.has(toText(toInvalidationKey(hour))));
    },
    claim: async (due) => {
      const version = await nextVersion(versions);
      const operations = due.map(({ _id, due_at }) => ({
        updateOne: {
          filter: { _id, due_at, claim: { $not: { $gte: version } } },
          update: { $set: { claim: version, is_claimed: true } },
        },
      }));
      if (operations.length > 0) {
        await invalidations.bulkWrite(operations, { ordered: false });
      }
      return version;
    },
    resolve: async ({ _id }, version) =>
      (await invalidations.deleteOne({ _id, claim: version, is_claimed: true })).deletedCount === 1,
  };
}

/**
 * The keys of the invalidations without a claim. Reads what a majority has, because the end of a claim could
 * be rolled back otherwise, and nothing older than the write, because a new primary may know an earlier
 * majority only. If the answer exceeded one batch, it would contain too few, which is safe.
 */
async function findUnclaimed(
  invalidations: RollupCollections['invalidations'],
  ids: readonly InvalidationDocument['_id'][],
  writtenAt: mongo.Timestamp | undefined,
): Promise<string[]> {
  const reply = await invalidations.db.command({
    find: invalidations.collectionName,
    filter: { _id: { $in: ids }, is_claimed: { $ne: true } },
    projection: { _id: 1 },
    batchSize: ids.length,
    singleBatch: true,
    readConcern: { level: 'majority', ...(writtenAt && { afterClusterTime: writtenAt }) },
  });
  const found = reply['cursor'].firstBatch as Pick<InvalidationDocument, '_id'>[];
  return found.map(({ _id }) => toText(_id));
}

/** A majority has the version before it is used, so versions only grow, whatever the clocks say. */
async function nextVersion(versions: RollupCollections['versions']): Promise<number> {
  const counter = await versions.findOneAndUpdate(
    { _id: 'versions' },
    { $inc: { last: 1 } },
    { upsert: true, returnDocument: 'after' },
  );
  if (!counter) {
    throw new Error('MongoDB did not return the next version of the rollups.');
  }
  return counter.last;
}

function toText({ site_id, granularity, start }: InvalidationDocument['_id']): string {
  return `${granularity}/${start.getTime()}/${site_id}`;
}

/**
 * When an invalidation is due: after its bucket is over and the lease has ended. An existing invalidation
 * keeps its time, but at most that of a new lease, because a clock that ran ahead may have set it.
 */
function findDueTime(endMs: number, leaseMs: number) {
  const begin = { $max: ['$$NOW', new Date(endMs)] };
  const due = { $add: [begin, leaseMs] };
  const latest = { $add: [begin, WRITE_LEASE_MS] };
  return { $max: [due, { $min: [{ $ifNull: ['$due_at', due] }, latest] }] };
}

/**
 * A closed hour counts as recent this long (ms): its lease lasts a minute, and the refresher runs twice a
 * minute.
 */
const SETTLING_MS = 120_000;

/**
 * Whether an hour of the span that is over contains events without a rollup: some arrived late, or the
 * processor is behind.
 */
export async function hasStaleClosedHours(
  { invalidations, readOptions }: Pick<RollupCollections, 'invalidations' | 'readOptions'>,
  site_id: string,
  span: TimeSpan | undefined,
  nowMs: number,
): Promise<boolean> {
  const earliestMs = MIN_DATE.getTime();
  const closedMs = findBucketStart('hour', nowMs - SETTLING_MS - HOUR_MS) + HOUR_MS;
  const range = invalidationsRange(site_id, 'hour', {
    startMs: Math.max(findBucketStart('hour', span?.startMs ?? earliestMs), earliestMs),
    endMs: Math.min(span?.endMs ?? nowMs, closedMs),
  });
  return (await invalidations.findOne(range, { ...readOptions, projection: { _id: 1 } })) !== null;
}
