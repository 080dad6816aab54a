import type { RollupCollections } from './documents.ts';

/** The buckets that a processor should have refreshed. */
export interface DueBuckets {
  /** Their number, up to MAX_COUNTED_BUCKETS. */
  count: number;
  /** How long the first of them has been due, by MongoDB's clock (ms). 0 if there is none. */
  oldestDueMs: number;
}

/** More are not counted, because a backfill can have millions. */
export const MAX_COUNTED_BUCKETS = 10_000;

/** Reads the index of the due times: a few milliseconds for MAX_COUNTED_BUCKETS. */
export async function measureDueBuckets(
  { invalidations }: Pick<RollupCollections, 'invalidations'>,
  maxTimeMS: number,
): Promise<DueBuckets> {
  const [found] = await invalidations
    .aggregate<DueBuckets>(
      [
        { $match: { $expr: { $lte: ['$due_at', '$$NOW'] } } },
        { $sort: { due_at: 1 } },
        { $limit: MAX_COUNTED_BUCKETS },
        { $group: { _id: null, count: { $sum: 1 }, oldest: { $min: '$due_at' } } },
        { $project: { _id: 0, count: 1, oldestDueMs: { $subtract: ['$$NOW', '$oldest'] } } },
      ],
      { maxTimeMS, hint: { due_at: 1 } },
    )
    .toArray();
  return found ? { ...found, oldestDueMs: Number(found.oldestDueMs) } : { count: 0, oldestDueMs: 0 };
}
