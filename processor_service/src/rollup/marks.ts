import {
  type Bucket,
  findBucketEnd,
  findParent,
  GRANULARITIES,
  type Granularity,
} from '@analytics/shared/rollup/buckets';
import type { MarkDocument, RollupCollections } from '@analytics/shared/rollup/rollupCollections';
import type { mongo } from 'mongoose';

/**
 * How long an hour rests after it was marked (ms). Most writes end within that time, so few hours are counted
 * in vain. No answer depends on it.
 */
export const HOUR_REST_MS = 60_000;

export interface SiteBucket extends Bucket {
  site_id: string;
}

export interface Marks {
  /**
   * Marks hours in which events are about to be stored, or were stored. Ends the claims on them and restarts
   * their rest.
   */
  markHours(hours: readonly SiteBucket[]): Promise<void>;
  /** Marks hours to be rolled up at once, unless their marks rest. Ends a claim on them. */
  requestHours(hours: readonly SiteBucket[]): Promise<void>;
  /** Marks what a bucket is folded into, and ends a claim on it. It ripens when it is over. */
  markParent(bucket: SiteBucket): Promise<void>;
  /**
   * Returns the hours that may have been counted already: their marks are claimed or gone. The answer is not
   * older than the operation time `writtenAt`.
   */
  findCounted(hours: readonly SiteBucket[], writtenAt?: mongo.Timestamp): Promise<SiteBucket[]>;
  /** The marks that are ripe, the earliest first. */
  findRipe(granularity: Granularity, limit: number, site_id?: string): Promise<MarkDocument[]>;
  /** Whether anything inside a bucket is marked. */
  hasMarkInside(bucket: SiteBucket): Promise<boolean>;
  /** Whether a bucket or anything inside it is marked. */
  isMarked(bucket: SiteBucket): Promise<boolean>;
  /**
   * Claims marks, which must precede every read for their buckets. Skips a mark that was made again since it
   * was read, or that a later edition has claimed. Resolves with the number of the edition to write, higher
   * than any before.
   */
  claim(ripe: readonly MarkDocument[]): Promise<number>;
  /** Deletes a mark if the claim of the edition still holds. */
  clear(mark: Pick<MarkDocument, '_id'>, edition: number): Promise<boolean>;
}

/**
 * Keeps the marks in MongoDB. Its clock decides what is ripe, and nothing else. That every event of an hour
 * without a mark was counted follows from the order of claims, markings and writes alone
 * (docs/decisions/0009).
 */
export function createMarks({ marks, editions }: Pick<RollupCollections, 'marks' | 'editions'>): Marks {
  async function mark(buckets: readonly SiteBucket[], restMs: number): Promise<void> {
    if (buckets.length > 0) {
      const operations = buckets.map((bucket) => ({
        updateOne: {
          filter: { _id: toMarkId(bucket) },
          update: [{ $set: { ripe_at: ripenAfter(findBucketEnd(bucket), restMs), is_claimed: false } }],
          upsert: true,
        },
      }));
      await marks.bulkWrite(operations, { ordered: false });
    }
  }

  /** Looks for marks of the `lengths` shortest granularities inside a bucket. */
  async function hasMark({ site_id, startMs, granularity }: SiteBucket, lengths: number): Promise<boolean> {
    const endMs = findBucketEnd({ granularity, startMs });
    const ranges = GRANULARITIES.slice(0, lengths).map((each) => ({
      _id: {
        $gte: toMarkId({ site_id, granularity: each, startMs }),
        $lt: toMarkId({ site_id, granularity: each, startMs: endMs }),
      },
    }));
    return (await marks.findOne({ $or: ranges }, { projection: { _id: 1 } })) !== null;
  }

  return {
    markHours: (hours) => mark(hours, HOUR_REST_MS),
    requestHours: (hours) => mark(hours, 0),
    markParent: async ({ site_id, ...bucket }) => {
      const parent = findParent(bucket);
      await mark(parent ? [{ site_id, ...parent }] : [], 0);
    },
    findRipe: (granularity, limit, site_id) =>
      marks
        .find({
          ...(site_id !== undefined && { '_id.site_id': site_id }),
          '_id.granularity': granularity,
          $expr: { $lte: ['$ripe_at', '$$NOW'] },
        })
        .sort({ ripe_at: 1 })
        .limit(limit)
        .toArray(),
    hasMarkInside: (bucket) => hasMark(bucket, GRANULARITIES.indexOf(bucket.granularity)),
    isMarked: (bucket) => hasMark(bucket, GRANULARITIES.indexOf(bucket.granularity) + 1),
    findCounted: async (hours, writtenAt) => {
      const open = new Set(await findOpen(marks, hours.map(toMarkId), writtenAt));
      return hours.filter((hour) => !open.has(toKey(toMarkId(hour))));
    },
    claim: async (ripe) => {
      const edition = await beginEdition(editions);
      const operations = ripe.map(({ _id, ripe_at }) => ({
        updateOne: {
          filter: { _id, ripe_at, claim: { $not: { $gte: edition } } },
          update: { $set: { claim: edition, is_claimed: true } },
        },
      }));
      if (operations.length > 0) {
        await marks.bulkWrite(operations, { ordered: false });
      }
      return edition;
    },
    clear: async ({ _id }, edition) =>
      (await marks.deleteOne({ _id, claim: edition, is_claimed: true })).deletedCount === 1,
  };
}

/**
 * The keys of the marks that exist without a claim. Reads what a majority has, because the end of a claim
 * could be rolled back otherwise, and nothing older than the write, because a new primary may know an earlier
 * majority only. If the answer did not fit into one batch, it would name too few marks, which is safe.
 */
async function findOpen(
  marks: RollupCollections['marks'],
  ids: readonly MarkDocument['_id'][],
  writtenAt: mongo.Timestamp | undefined,
): Promise<string[]> {
  const reply = await marks.db.command({
    find: marks.collectionName,
    filter: { _id: { $in: ids }, is_claimed: { $ne: true } },
    projection: { _id: 1 },
    batchSize: ids.length,
    singleBatch: true,
    readConcern: { level: 'majority', ...(writtenAt && { afterClusterTime: writtenAt }) },
  });
  const found = reply['cursor'].firstBatch as Pick<MarkDocument, '_id'>[];
  return found.map(({ _id }) => toKey(_id));
}

/**
 * Numbers a new edition. A majority has the number before it is used, so numbers only grow, whatever the
 * clocks say.
 */
async function beginEdition(editions: RollupCollections['editions']): Promise<number> {
  const begun = await editions.findOneAndUpdate(
    { _id: 'editions' },
    { $inc: { last: 1 } },
    { upsert: true, returnDocument: 'after' },
  );
  if (!begun) {
    throw new Error('MongoDB did not number an edition.');
  }
  return begun.last;
}

function toKey({ site_id, granularity, start }: MarkDocument['_id']): string {
  return `${granularity}/${start.getTime()}/${site_id}`;
}

/** The fields in the order in which they are stored: MongoDB tells documents with another order apart. */
function toMarkId({ site_id, granularity, startMs }: SiteBucket): MarkDocument['_id'] {
  return { site_id, granularity, start: new Date(startMs) };
}

/**
 * When a mark ripens: after its bucket is over and has rested. An existing mark keeps its rest, but at most
 * the rest of a new one, because a clock that ran ahead may have set it.
 */
function ripenAfter(endMs: number, restMs: number) {
  const begin = { $max: ['$$NOW', new Date(endMs)] };
  const ripe = { $add: [begin, restMs] };
  const latest = { $add: [begin, HOUR_REST_MS] };
  return { $max: [ripe, { $min: [{ $ifNull: ['$ripe_at', ripe] }, latest] }] };
}
