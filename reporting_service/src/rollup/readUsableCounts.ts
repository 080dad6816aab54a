import type { Bucket } from '@analytics/rollups/calendar';
import { toBucketKey } from '@analytics/rollups/calendar';
import type { CountsDocument } from '@analytics/rollups/documents';
import type { RollupSnapshot } from './rollupSnapshot.ts';

export interface UsableCounts {
  /** By the keys of the buckets. */
  counts: ReadonlyMap<string, readonly CountsDocument[]>;
  /**
   * Leaves out buckets that have too many values of the dimension, and must be put together from what is
   * smaller.
   */
  isUsable: (bucket: Bucket) => boolean;
}

/** Whether rollups know a dimension: of a site with very many properties they know some only. */
export function isCounted({ site }: RollupSnapshot, dimension: string): boolean {
  return site === undefined || site.dimensions.includes(dimension) || !site.has_more_dimensions;
}

/**
 * Reads the counts of a dimension in the buckets that a question chooses among the usable ones. Which of them
 * are too large to be usable turns out by reading.
 *
 * @throws RollupChangedError, RollupUnreadableError
 * @throws MemoryShortError, TooManyValuesError
 */
export async function readUsableCounts(
  snapshot: RollupSnapshot,
  dimension: string,
  choose: (isUsable: (bucket: Bucket) => boolean) => readonly Bucket[],
): Promise<UsableCounts> {
  const unusable = new Set<string>();
  for (;;) {
    const isUsable = (bucket: Bucket) => snapshot.isFresh(bucket) && !unusable.has(toBucketKey(bucket));
    const buckets = choose(isUsable);
    const counts = await snapshot.counts.read(dimension, buckets);
    const tooLarge = [...counts].filter(([, [first]]) => first?.has_too_many_values);
    if (tooLarge.length === 0) {
      return { counts, isUsable };
    }
    for (const [key] of tooLarge) {
      unusable.add(key);
    }
  }
}
