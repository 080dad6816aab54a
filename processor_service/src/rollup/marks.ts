import {
  type Bucket,
  findBucketEnd,
  findParent,
  GRANULARITIES,
  type Granularity,
} from '@analytics/shared/rollup/buckets';
import type { MarkDocument, RollupCollections } from '@analytics/shared/rollup/rollupCollections';

/**
 * How long an hour is left alone after it was marked, in milliseconds. Whoever stores events finishes within that time, or marks
 * the hour again.
 */
export const HOUR_REST_MS = 60_000;

export interface SiteBucket extends Bucket {
  site_id: string;
}

export interface Marks {
  /** Marks hours in which events are about to be stored. A mark that is there is made to rest for its whole time again. */
  markHours(hours: readonly SiteBucket[]): Promise<void>;
  /** Marks hours to be rolled up at once, unless their marks rest. */
  requestHours(hours: readonly SiteBucket[]): Promise<void>;
  /** Marks what a bucket is folded into. It ripens when it is over. */
  markParent(bucket: SiteBucket): Promise<void>;
  /** The marks that are ripe, the earliest first. */
  findRipe(granularity: Granularity, limit: number, site_id?: string): Promise<MarkDocument[]>;
  /** Whether anything inside a bucket is marked. */
  hasMarkInside(bucket: SiteBucket): Promise<boolean>;
  /** Whether a bucket or anything inside it is marked. */
  isMarked(bucket: SiteBucket): Promise<boolean>;
  /** Takes a mark away, unless it was marked again since it was read. */
  clear(mark: MarkDocument): Promise<boolean>;
}

/** Keeps the marks in MongoDB, whose clock alone decides what is ripe. */
export function createMarks({ marks }: Pick<RollupCollections, 'marks'>): Marks {
  async function mark(buckets: readonly SiteBucket[], restMs: number): Promise<void> {
    if (buckets.length > 0) {
      const operations = buckets.map((bucket) => ({
        updateOne: {
          filter: { _id: toMarkId(bucket) },
          update: [{ $set: { ripe_at: ripenAfter(findBucketEnd(bucket), restMs) } }],
          upsert: true,
        },
      }));
      await marks.bulkWrite(operations, { ordered: false });
    }
  }

  /** Looks for marks of the shortest buckets inside a bucket, of so many lengths. */
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
    clear: async ({ _id, ripe_at }) => (await marks.deleteOne({ _id, ripe_at })).deletedCount === 1,
  };
}

/** The fields in the order in which they are stored: MongoDB tells documents with another order apart. */
function toMarkId({ site_id, granularity, startMs }: SiteBucket): MarkDocument['_id'] {
  return { site_id, granularity, start: new Date(startMs) };
}

/** Later than any marking before, and not before the bucket is over and has rested. */
function ripenAfter(endMs: number, restMs: number) {
  return {
    $max: [{ $add: ['$ripe_at', 1] }, { $add: [{ $max: ['$$NOW', new Date(endMs)] }, restMs] }],
  };
}
