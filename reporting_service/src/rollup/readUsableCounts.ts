import type { Bucket } from '@analytics/shared/rollup/buckets';
import type { CountsDocument } from '@analytics/shared/rollup/rollupCollections';
import { toBucketKey } from './bucketKey.ts';
import type { RollupSnapshot } from './rollupSnapshot.ts';

export interface UsableCounts {
  /** By the keys of the buckets. */
  counts: ReadonlyMap<string, CountsDocument[]>;
  /** Leaves out buckets that have too many values of the dimension, and must be put together from what is smaller. */
  isUsable: (bucket: Bucket) => boolean;
}

/**
 * Reads the counts of a dimension in the buckets that a question chooses among the usable ones. Which of them are too large to be
 * usable turns out by reading.
 *
 * @throws RollupChangedError
 */
export async function readUsableCounts(
  snapshot: RollupSnapshot,
  dimension: string,
  choose: (isUsable: (bucket: Bucket) => boolean) => readonly Bucket[],
): Promise<UsableCounts> {
  const unusable = new Set<string>();
  const { site } = snapshot;
  const isCounted = site === undefined || site.dimensions.includes(dimension) || !site.has_more_dimensions;
  for (;;) {
    const isUsable = (bucket: Bucket) =>
      isCounted && snapshot.isRolledUp(bucket) && !unusable.has(toBucketKey(bucket));
    const buckets = choose(isUsable);
    const counts = await snapshot.readCounts(dimension, buckets);
    const tooLarge = [...counts].filter(([, [first]]) => first?.has_too_many_values);
    if (tooLarge.length === 0) {
      return { counts, isUsable };
    }
    for (const [key] of tooLarge) {
      unusable.add(key);
    }
  }
}
