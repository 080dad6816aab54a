import { type Bucket, findBucketEnd } from '@analytics/shared/rollup/buckets';
import {
  type CountsDocument,
  type RollupCollections,
  type RollupKey,
  TOTALS,
  type UserSetsDocument,
} from '@analytics/shared/rollup/rollupCollections';
import type { mongo } from 'mongoose';
import { isOnlyDuplicates } from './duplicateKeys.ts';
import {
  type DimensionBucket,
  makeDocuments,
  type RollupDocument,
  type SiteBucketNumber,
  toKey,
} from './rollupDocuments.ts';
import type { ValueCounts } from './valueCounts.ts';

/** Write the gathered documents once they reach about this size. */
const MAX_COMMAND_BYTES = 4 * 1024 * 1024;

/** Documents of sets per batch, some three megabytes. */
const CHUNKS_PER_BATCH = 200;

export interface RollupStore {
  /**
   * Puts the counts of some dimensions in the place of an earlier edition.
   *
   * @returns false if a later one is there, or this one was written before; it stays.
   */
  write(
    bucket: SiteBucketNumber,
    edition: number,
    dimensions: ReadonlyMap<string, ValueCounts>,
  ): Promise<boolean>;
  /** What is written of some buckets, which follow each other. */
  openBuckets(site: number, buckets: readonly Bucket[]): WrittenBuckets;
  /** Whether anything is written of a bucket. */
  has(bucket: SiteBucketNumber): Promise<boolean>;
  /** Deletes earlier editions of some dimensions, of which this one has nothing. */
  removeOlder(bucket: SiteBucketNumber, edition: number, dimensions: readonly string[]): Promise<void>;
}

export interface WrittenBuckets {
  /**
   * Adds up one dimension of all the buckets, and ends early if it overflows. Calls back after each document.
   */
  addUp(dimension: string, sum: ValueCounts, onPiece: () => Promise<void> | void): Promise<void>;
}

export function createRollupStore({
  rollups,
  userSets,
}: Pick<RollupCollections, 'rollups' | 'userSets'>): RollupStore {
  /**
   * Joins documents of small dimensions into one command. Each call returns whether no later edition was met.
   */
  function createWriter() {
    let sets: UserSetsDocument[] = [];
    let counts: CountsDocument[] = [];
    let bytes = 0;

    /** Sets of users go first: counts must never name an edition of them that is not there. */
    async function flush(): Promise<boolean> {
      const isNewest = (await replaceOlder(userSets, sets)) && (await replaceOlder(rollups, counts));
      sets = [];
      counts = [];
      bytes = 0;
      return isNewest;
    }

    return {
      flush,
      add: async (document: RollupDocument): Promise<boolean> => {
        if ('sets' in document) {
          sets.push(document.sets);
        } else {
          counts.push(document.counts);
        }
        bytes += document.bytes;
        return bytes < MAX_COMMAND_BYTES || flush();
      },
    };
  }

  /**
   * Yields the documents of a dimension in order. A bucket's parts are of one edition: only a roller reads
   * here.
   */
  async function* readCounts(
    site: number,
    dimension: string,
    buckets: readonly Bucket[],
  ): AsyncGenerator<CountsDocument> {
    const [first, last] = [buckets[0], buckets.at(-1)];
    if (first && last) {
      const range = between({ site, dimension, ...first }, findBucketEnd(last)) as never;
      let parts = 0;
      for await (const document of rollups.find({ _id: range }).sort({ _id: 1 })) {
        const { part } = document._id;
        parts = part === 0 ? document.parts : parts;
        // An earlier edition may have had more parts, which are still there.
        if (part < parts) {
          yield document;
        }
      }
    }
  }

  async function addDocument(
    sum: ValueCounts,
    { values, views, user_sets, chunk_starts = [], _id, edition }: CountsDocument,
    onPiece: () => Promise<void> | void,
  ): Promise<void> {
    let index = 0;
    const add = (sets: readonly mongo.Binary[]) => {
      for (const set of sets) {
        sum.addEncoded(values[index] ?? null, views[index] ?? 0, set.value());
        index += 1;
      }
      return onPiece();
    };
    if (user_sets) {
      await add(user_sets);
      return;
    }
    const key = orderKey(_id);
    const range = { $gte: { ...key, chunk: 0 }, $lt: { ...key, chunk: chunk_starts.length } } as never;
    const chunks = userSets.find({ _id: range, edition }, { batchSize: CHUNKS_PER_BATCH }).sort({ _id: 1 });
    let found = 0;
    for await (const chunk of chunks) {
      found += 1;
      await add(chunk.user_sets);
    }
    if (found < chunk_starts.length) {
      throw new Error('A rollup names sets of users that are not there. Rebuild the rollups.');
    }
  }

  return {
    write: async (bucket, edition, dimensions) => {
      const writer = createWriter();
      for (const [dimension, counts] of dimensions) {
        for await (const document of makeDocuments({ ...bucket, dimension }, edition, counts)) {
          if (!(await writer.add(document))) {
            return false;
          }
        }
      }
      return writer.flush();
    },
    openBuckets: (site, buckets) => {
      let totals: Promise<CountsDocument[]> | undefined;
      return {
        addUp: async (dimension, sum, onPiece) => {
          const found = new Set<number>();
          for await (const document of readCounts(site, dimension, buckets)) {
            found.add(document._id.start.getTime());
            if (document.has_too_many_values) {
              sum.overflow();
            }
            if (sum.hasTooManyValues) {
              return;
            }
            await addDocument(sum, document, onPiece);
          }
          if (dimension !== TOTALS && found.size > 0) {
            // In a bucket without the dimension all events had no value.
            totals ??= collect(readCounts(site, TOTALS, buckets));
            for (const document of await totals) {
              if (!found.has(document._id.start.getTime())) {
                await addDocument(sum, document, onPiece);
              }
            }
          }
        },
      };
    },
    has: async (bucket) => {
      const range = between({ ...bucket, dimension: TOTALS }, findBucketEnd(bucket)) as never;
      return (await rollups.findOne({ _id: range }, { projection: { _id: 1 } })) !== null;
    },
    removeOlder: async (bucket, edition, dimensions) => {
      if (dimensions.length > 0) {
        const ranges = dimensions.map((dimension) => ({
          _id: between({ ...bucket, dimension }, findBucketEnd(bucket)) as never,
        }));
        const older = { $or: ranges, edition: { $lt: edition } };
        // Counts go first: a report that has read them misses their sets, and asks anew.
        await rollups.deleteMany(older);
        await userSets.deleteMany(older);
      }
    },
  };
}

async function collect<Item>(items: AsyncIterable<Item>): Promise<Item[]> {
  const list: Item[] = [];
  for await (const item of items) {
    list.push(item);
  }
  return list;
}

function orderKey({ site, dimension, granularity, start, part }: RollupKey): RollupKey {
  return { site, dimension, granularity, start, part };
}

function between(first: DimensionBucket, endMs: number) {
  return { $gte: toKey(first), $lt: toKey({ ...first, startMs: endMs }) };
}

/** An older edition fails the filter of the newer one that is there, so that the upsert meets its `_id`. */
async function replaceOlder<Document extends CountsDocument | UserSetsDocument>(
  collection: mongo.Collection<Document>,
  documents: readonly Document[],
): Promise<boolean> {
  if (documents.length === 0) {
    return true;
  }
  const operations = documents.map((document) => {
    const { _id, ...replacement } = document;
    return {
      replaceOne: { filter: { _id, edition: { $lt: document.edition } }, replacement, upsert: true },
    };
  });
  try {
    await collection.bulkWrite(operations as never, { ordered: false });
    return true;
  } catch (error) {
    if (isOnlyDuplicates(error)) {
      return false;
    }
    throw error;
  }
}
