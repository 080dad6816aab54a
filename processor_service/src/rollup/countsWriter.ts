import { findBucketEnd } from '@analytics/rollups/calendar';
import {
  type CountsDocument,
  type RollupCollections,
  TOTAL_DIMENSION,
  type UserBitmapsDocument,
} from '@analytics/rollups/documents';
import { type CodedBucket, countsRange } from '@analytics/rollups/keys';
import { isOnlyDuplicateKeys } from '@analytics/shared/mongo/mongoErrors';
import type { mongo } from 'mongoose';
import type { ValueCounts } from './counting/valueCounts.ts';
import { makeDocuments, type RollupDocument } from './countsDocuments.ts';

/** Write the buffered documents once they reach about this size. */
const MAX_COMMAND_BYTES = 4 * 1024 * 1024;

export interface CountsWriter {
  /**
   * Replaces earlier versions of some dimensions of a bucket. Resolves with false if a later version exists,
   * or this one was written before: that one stays.
   */
  write(bucket: CodedBucket, version: number, dimensions: ReadonlyMap<string, ValueCounts>): Promise<boolean>;
  /** Whether a bucket has any counts. */
  has(bucket: CodedBucket): Promise<boolean>;
  /** Deletes earlier versions of dimensions that the current version does not have. */
  removeOlder(bucket: CodedBucket, version: number, dimensions: readonly string[]): Promise<void>;
}

export function createCountsWriter({
  counts,
  userBitmaps,
}: Pick<RollupCollections, 'counts' | 'userBitmaps'>): CountsWriter {
  return {
    write: async (bucket, version, dimensions) => {
      const batch = createWriteBatch({ counts, userBitmaps });
      for (const [dimension, valueCounts] of dimensions) {
        for await (const document of makeDocuments({ ...bucket, dimension }, version, valueCounts)) {
          if (!(await batch.add(document))) {
            return false;
          }
        }
      }
      return batch.flush();
    },
    has: async (bucket) =>
      (await counts.findOne(rangeOf(bucket, TOTAL_DIMENSION), { projection: { _id: 1 } })) !== null,
    removeOlder: async (bucket, version, dimensions) => {
      if (dimensions.length > 0) {
        const ranges = dimensions.map((dimension) => rangeOf(bucket, dimension));
        const older = { $or: ranges, version: { $lt: version } };
        // Counts go first: a report that has read them finds their bitmaps missing, and reads again.
        await counts.deleteMany(older);
        await userBitmaps.deleteMany(older);
      }
    },
  };
}

function rangeOf({ site, ...bucket }: CodedBucket, dimension: string) {
  const span = { startMs: bucket.startMs, endMs: findBucketEnd(bucket) };
  return countsRange({ site, dimension }, bucket.granularity, span);
}

/**
 * Joins documents of small dimensions into one command. Each call resolves with false once it met a later
 * version.
 */
function createWriteBatch(collections: Pick<RollupCollections, 'counts' | 'userBitmaps'>) {
  let bitmaps: UserBitmapsDocument[] = [];
  let counts: CountsDocument[] = [];
  let bytes = 0;

  /** Bitmaps go first: counts must never refer to a version of them that does not exist. */
  async function flush(): Promise<boolean> {
    const isNewest =
      (await replaceOlder(collections.userBitmaps, bitmaps)) &&
      (await replaceOlder(collections.counts, counts));
    bitmaps = [];
    counts = [];
    bytes = 0;
    return isNewest;
  }

  return {
    flush,
    add: async (document: RollupDocument): Promise<boolean> => {
      if ('bitmaps' in document) {
        bitmaps.push(document.bitmaps);
      } else {
        counts.push(document.counts);
      }
      bytes += document.bytes;
      return bytes < MAX_COMMAND_BYTES || flush();
    },
  };
}

/**
 * An older version does not match the filter where a newer one exists, so the upsert fails with a duplicate
 * key.
 */
async function replaceOlder<Document extends CountsDocument | UserBitmapsDocument>(
  collection: mongo.Collection<Document>,
  documents: readonly Document[],
): Promise<boolean> {
  if (documents.length === 0) {
    return true;
  }
  const operations = documents.map((document) => {
    const { _id, ...replacement } = document;
    return {
      replaceOne: { filter: { _id, version: { $lt: document.version } }, replacement, upsert: true },
    };
  });
  try {
    await collection.bulkWrite(operations as never, { ordered: false });
    return true;
  } catch (error) {
    if (isOnlyDuplicateKeys(error)) {
      return false;
    }
    throw error;
  }
}
