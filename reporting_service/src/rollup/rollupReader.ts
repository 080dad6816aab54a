import { type Bucket, toBucketKey } from '@analytics/rollups/calendar';
import { readCounts, toBucket } from '@analytics/rollups/countsReader';
import {
  type CountsDocument,
  QUARTER_HOUR_DIMENSION,
  type RollupCollections,
  TOTAL_DIMENSION,
} from '@analytics/rollups/documents';
import { mongo } from 'mongoose';
import { estimateTextBytes, type MemoryAccount } from '../reportMemory.ts';

/** What a value of a document takes beside its text: its places in three lists, and the head of the text. */
const VALUE_BYTES = 48;

/** What a set takes beside its bytes, which are few where it is with the counts. */
const SET_BYTES = 300;

type Values = readonly CountsDocument['values'][number][];

/** Reads a site's counts, which must be of whole versions. */
export interface CountsReader {
  /**
   * The counts of a dimension in some buckets, by the buckets' keys. Nothing stands for a bucket in which
   * nothing happened; where no event had a value, the totals are those of null. What is asked for again, by
   * another part of the same report, is read once.
   *
   * @throws RollupChangedError, RollupUnreadableError
   * @throws MemoryShortError, TooManyValuesError if they are too many to be held.
   */
  read(
    dimension: string,
    buckets: readonly Bucket[],
  ): Promise<ReadonlyMap<string, readonly CountsDocument[]>>;
  /** The same, without holding them. */
  scan(dimension: string, buckets: readonly Bucket[]): CountsScan;
}

/** Reads documents one after another, as often as they are asked for. */
export interface CountsScan {
  /** @throws RollupChangedError, RollupUnreadableError */
  readAll(): AsyncIterable<CountsDocument>;
  /** Those that have any of some values. All must have been read before. */
  readWith(values: Values): AsyncIterable<CountsDocument>;
}

/** Where nothing of a site was ever rolled up. */
export const emptyCounts: CountsReader = {
  read: async () => new Map(),
  scan: () => ({ async *readAll() {}, async *readWith() {} }),
};

export function createCountsReader(
  collections: Pick<RollupCollections, 'counts' | 'readOptions'>,
  site: number,
  memory: MemoryAccount,
): CountsReader {
  const asked = new Map<string, ReturnType<CountsReader['read']>>();

  const streamDimension = (dimension: string, buckets: readonly Bucket[], values?: Values) =>
    readCounts(collections, { site, dimension }, buckets, values);

  async function readDimension(dimension: string, buckets: readonly Bucket[]) {
    const groups = new Map<string, CountsDocument[]>();
    for await (const document of streamDimension(dimension, buckets)) {
      memory.take(estimateBytes(document));
      const key = toBucketKey(toBucket(document._id));
      const group = groups.get(key) ?? [];
      group.push(detach(document));
      groups.set(key, group);
    }
    return groups;
  }

  function readOnce(dimension: string, buckets: readonly Bucket[]): ReturnType<CountsReader['read']> {
    const key = [dimension, ...buckets.map(toBucketKey)].join();
    const answer = asked.get(key) ?? readDimension(dimension, buckets);
    asked.set(key, answer);
    return answer;
  }

  /** Every event has a value of these two. */
  const isOfAll = (dimension: string) =>
    dimension === TOTAL_DIMENSION || dimension === QUARTER_HOUR_DIMENSION;

  async function read(dimension: string, buckets: readonly Bucket[]) {
    if (isOfAll(dimension)) {
      return readOnce(dimension, buckets);
    }
    const [counts, totals] = await Promise.all([
      readOnce(dimension, buckets),
      readOnce(TOTAL_DIMENSION, buckets),
    ]);
    return new Map([...totals, ...counts]);
  }

  async function* readHeld(dimension: string, buckets: readonly Bucket[]): AsyncGenerator<CountsDocument> {
    for (const documents of (await read(dimension, buckets)).values()) {
      yield* documents;
    }
  }

  function scanUnheld(dimension: string, buckets: readonly Bucket[]): CountsScan {
    /** The totals of the buckets in which no event had a value. */
    let withoutValue: CountsDocument[] = [];
    return {
      async *readAll() {
        const totals = new Map(isOfAll(dimension) ? [] : await readOnce(TOTAL_DIMENSION, buckets));
        for await (const document of streamDimension(dimension, buckets)) {
          totals.delete(toBucketKey(toBucket(document._id)));
          yield document;
        }
        withoutValue = [...totals.values()].flat();
        yield* withoutValue;
      },
      async *readWith(values) {
        // Its places are held, with their sets.
        for await (const document of streamDimension(dimension, buckets, values)) {
          yield detach(document);
        }
        yield* withoutValue;
      },
    };
  }

  return {
    read,
    scan: (dimension, buckets) => {
      const readDocuments = () => readHeld(dimension, buckets);
      return memory.isLarge
        ? scanUnheld(dimension, buckets)
        : { readAll: readDocuments, readWith: readDocuments };
    },
  };
}

/**
 * The driver's binaries are parts of the whole reply, which would be held with them. The sets of a document
 * that is held move to memory of their own, all into one array: an array for each takes seven times as long.
 */
function detach(document: CountsDocument): CountsDocument {
  const sets = (document.user_bitmaps ?? []).filter((set: unknown) => set instanceof mongo.Binary);
  const bytes = new Uint8Array(sets.reduce((sum, set) => sum + set.length(), 0));
  let end = 0;
  for (const set of sets) {
    const start = end;
    end += set.length();
    bytes.set(set.value(), start);
    set.buffer = bytes.subarray(start, end);
  }
  return document;
}

function estimateBytes({ values = [], user_bitmaps = [] }: Partial<CountsDocument>): number {
  let bytes = values.length * VALUE_BYTES + user_bitmaps.length * SET_BYTES;
  for (const value of values) {
    bytes += typeof value === 'string' ? estimateTextBytes(value) : 0;
  }
  return bytes;
}
