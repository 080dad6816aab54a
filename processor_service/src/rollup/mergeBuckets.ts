import { type Bucket, toBucketKey } from '@analytics/rollups/calendar';
import { readCounts, toBucket } from '@analytics/rollups/countsReader';
import { type CountsDocument, type RollupCollections, TOTAL_DIMENSION } from '@analytics/rollups/documents';
import { createBitmapRefs, readUserBitmaps } from '@analytics/rollups/userBitmapReader';
import type { ValueCounts } from './counting/valueCounts.ts';

const VALUES_PER_PIECE = 256;

/** Merges the counts of some buckets of a site. */
export interface BucketMerger {
  /**
   * Adds the counts of one dimension of all the buckets to `sum`, and ends early if it overflows. Calls
   * `onPiece` after every few hundred values.
   *
   * @throws RollupChangedError, RollupUnreadableError
   */
  merge(dimension: string, sum: ValueCounts, onPiece: () => Promise<void> | void): Promise<void>;
}

/** Opens some buckets of a site code for merging. */
export type OpenBuckets = (site: number, buckets: readonly Bucket[]) => BucketMerger;

export function createBucketMerger(
  collections: Pick<RollupCollections, 'counts' | 'userBitmaps' | 'readOptions'>,
  site: number,
  buckets: readonly Bucket[],
): BucketMerger {
  let totals: Promise<CountsDocument[]> | undefined;

  async function readTotals(): Promise<CountsDocument[]> {
    const documents: CountsDocument[] = [];
    for await (const document of readCounts(collections, { site, dimension: TOTAL_DIMENSION }, buckets)) {
      documents.push(document);
    }
    return documents;
  }

  async function addDocument(
    sum: ValueCounts,
    document: CountsDocument,
    onPiece: () => Promise<void> | void,
  ): Promise<void> {
    const { values, views } = document;
    const toRef = createBitmapRefs(document);
    let added = 0;
    const refs = Array.from(values.keys(), toRef);
    for await (const [{ index }, bitmap] of readUserBitmaps(collections, refs)) {
      sum.addEncoded(values[index] ?? null, views[index] ?? 0, bitmap);
      added += 1;
      if (added % VALUES_PER_PIECE === 0) {
        await onPiece();
      }
    }
    await onPiece();
  }

  return {
    merge: async (dimension, sum, onPiece) => {
      const found = new Set<string>();
      for await (const document of readCounts(collections, { site, dimension }, buckets)) {
        found.add(toBucketKey(toBucket(document._id)));
        if (document.has_too_many_values) {
          sum.overflow();
        }
        if (sum.hasTooManyValues) {
          return;
        }
        await addDocument(sum, document, onPiece);
      }
      if (dimension !== TOTAL_DIMENSION && found.size > 0) {
        // In a bucket without the dimension, no event had a value.
        totals ??= readTotals();
        for (const document of await totals) {
          if (!found.has(toBucketKey(toBucket(document._id)))) {
            await addDocument(sum, document, onPiece);
          }
        }
      }
    },
  };
}
