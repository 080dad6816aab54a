import { type Bucket, toBucketKey } from '@analytics/rollups/calendar';
import { readCounts, toBucket } from '@analytics/rollups/countsReader';
import {
  type CountsDocument,
  type DimensionValue,
  QUARTER_HOUR_DIMENSION,
  type RollupCollections,
  TOTAL_DIMENSION,
} from '@analytics/rollups/documents';
import { mongo } from 'mongoose';
import { estimateTextBytes, type MemoryAccount } from '../../database/reportMemory.ts';

/** The memory of a value without its text: its entries in three lists, and the head of the text. */
const VALUE_BYTES = 48;

/** The memory of an inline bitmap, including its few bytes. */
const BITMAP_BYTES = 300;

/** The counts of a site, held in memory for one attempt at a report. */
export interface HeldCounts {
  /**
   * Reads the counts of a dimension in some buckets, by bucket key. A bucket without events has none. A
   * bucket whose events have no value of the dimension has the totals: all of them have the value null. Reads
   * the same counts once, whichever parts of the report ask for them.
   *
   * @throws RollupChangedError, RollupUnreadableError
   * @throws MemoryShortError, TooLargeError if there are too many to hold.
   */
  read(
    dimension: string,
    buckets: readonly Bucket[],
  ): Promise<ReadonlyMap<string, readonly CountsDocument[]>>;
  /** The same, without holding them in a large report. */
  scan(dimension: string, buckets: readonly Bucket[]): CountsScan;
}

/** Reads counts one document after another, again at each call. */
export interface CountsScan {
  /** @throws RollupChangedError, RollupUnreadableError */
  readAll(): AsyncIterable<CountsDocument>;
  /** Reads the documents that contain any of some values. `readAll` must have finished before. */
  readWith(values: readonly DimensionValue[]): AsyncIterable<CountsDocument>;
}

/** The counts of a site without rollups. */
export const emptyCounts: HeldCounts = {
  read: async () => new Map(),
  scan: () => ({ async *readAll() {}, async *readWith() {} }),
};

export function createHeldCounts(
  collections: Pick<RollupCollections, 'counts' | 'readOptions'>,
  site: number,
  memory: MemoryAccount,
): HeldCounts {
  const held = new Map<string, ReturnType<HeldCounts['read']>>();

  const stream = (dimension: string, buckets: readonly Bucket[], values?: readonly DimensionValue[]) =>
    readCounts(collections, { site, dimension }, buckets, values);

  async function readAndHold(dimension: string, buckets: readonly Bucket[]) {
    const groups = new Map<string, CountsDocument[]>();
    for await (const document of stream(dimension, buckets)) {
      memory.take(estimateBytes(document));
      const key = toBucketKey(toBucket(document._id));
      const group = groups.get(key) ?? [];
      group.push(detach(document));
      groups.set(key, group);
    }
    return groups;
  }

  function readOnce(dimension: string, buckets: readonly Bucket[]): ReturnType<HeldCounts['read']> {
    const key = [dimension, ...buckets.map(toBucketKey)].join();
    const counts = held.get(key) ?? readAndHold(dimension, buckets);
    held.set(key, counts);
    return counts;
  }

  async function read(dimension: string, buckets: readonly Bucket[]) {
    if (hasEveryEvent(dimension)) {
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

  function scanWithoutHolding(dimension: string, buckets: readonly Bucket[]): CountsScan {
    /** The totals of the buckets whose events have no value of the dimension. */
    let withoutValue: CountsDocument[] = [];
    return {
      async *readAll() {
        const totals = new Map(hasEveryEvent(dimension) ? [] : await readOnce(TOTAL_DIMENSION, buckets));
        for await (const document of stream(dimension, buckets)) {
          totals.delete(toBucketKey(toBucket(document._id)));
          yield document;
        }
        withoutValue = [...totals.values()].flat();
        yield* withoutValue;
      },
      async *readWith(values) {
        // The caller holds references to the inline bitmaps.
        for await (const document of stream(dimension, buckets, values)) {
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
        ? scanWithoutHolding(dimension, buckets)
        : { readAll: readDocuments, readWith: readDocuments };
    },
  };
}

function hasEveryEvent(dimension: string): boolean {
  return dimension === TOTAL_DIMENSION || dimension === QUARTER_HOUR_DIMENSION;
}

/**
 * The driver's binaries are views into the whole reply and would keep it in memory. The inline bitmaps of a
 * held document move to one array of their own: an array for each takes seven times as long.
 */
function detach(document: CountsDocument): CountsDocument {
  const bitmaps = (document.user_bitmaps ?? []).filter((bitmap: unknown) => bitmap instanceof mongo.Binary);
  const bytes = new Uint8Array(bitmaps.reduce((sum, bitmap) => sum + bitmap.length(), 0));
  let end = 0;
  for (const bitmap of bitmaps) {
    const start = end;
    end += bitmap.length();
    bytes.set(bitmap.value(), start);
    bitmap.buffer = bytes.subarray(start, end);
  }
  return document;
}

function estimateBytes({ values = [], user_bitmaps = [] }: Partial<CountsDocument>): number {
  let bytes = values.length * VALUE_BYTES + user_bitmaps.length * BITMAP_BYTES;
  for (const value of values) {
    bytes += typeof value === 'string' ? estimateTextBytes(value) : 0;
  }
  return bytes;
}
