import { type Bucket, findBucketEnd } from '@analytics/shared/rollup/buckets';
import {
  type CountsDocument,
  type DimensionValue,
  type RollupCollections,
  type RollupKey,
  TOTALS,
  type UserSetsDocument,
} from '@analytics/shared/rollup/rollupCollections';
import { encodeUserSet } from '@analytics/shared/rollup/userSet';
import { mongo } from 'mongoose';
import { isOnlyDuplicates } from './duplicateKeys.ts';
import { createValueCounts, type ValueCount, type ValueCounts } from './valueCounts.ts';

/** The most values of one document. The longest texts make 6 KB each, but seldom all of them; see MAX_PART_UNITS. */
const MAX_PART_VALUES = 20_000;

/** The most UTF-16 code units of all values of one document, so that it stays well below MongoDB's 16 MiB. */
const MAX_PART_UNITS = 2_000_000;

/** Sets up to this size together stay with the counts; larger ones are read only when users are asked for. */
const MAX_INLINE_BYTES = 512;

/** About the size of a document of sets. A question about a few values reads a few of these. */
const CHUNK_BYTES = 16 * 1024;

export interface SiteBucketNumber extends Bucket {
  /** The site's number. */
  site: number;
}

export interface DimensionBucket extends SiteBucketNumber {
  dimension: string;
}

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
  /** Adds up what is written of a dimension in some buckets, which follow each other. */
  addUp(site: number, dimension: string, buckets: readonly Bucket[]): Promise<ValueCounts>;
  /** Whether anything is written of a bucket. */
  has(bucket: SiteBucketNumber): Promise<boolean>;
  /** Deletes earlier editions of some dimensions, of which this one has nothing. */
  removeOlder(bucket: SiteBucketNumber, edition: number, dimensions: readonly string[]): Promise<void>;
}

export function createRollupStore({
  rollups,
  userSets,
}: Pick<RollupCollections, 'rollups' | 'userSets'>): RollupStore {
  /** Sets of users go first: counts must never name an edition of them that is not there. */
  async function write(
    bucket: SiteBucketNumber,
    edition: number,
    dimensions: ReadonlyMap<string, ValueCounts>,
  ) {
    const documents = [...dimensions].flatMap(([dimension, counts]) =>
      toDocuments({ ...bucket, dimension }, edition, counts),
    );
    const sets = documents.flatMap(({ sets }) => sets);
    const counts = documents.map(({ counts }) => counts);
    return (await replaceOlder(userSets, sets)) && (await replaceOlder(rollups, counts));
  }

  /** The documents of buckets, by their start. Those of one bucket are of one edition, because whoever reads here also writes. */
  async function readCounts(
    site: number,
    dimension: string,
    buckets: readonly Bucket[],
  ): Promise<Map<number, CountsDocument[]>> {
    const [first, last] = [buckets[0], buckets.at(-1)];
    const found = new Map<number, CountsDocument[]>();
    if (first && last) {
      const cursor = rollups.find({
        _id: between({ site, dimension, ...first }, findBucketEnd(last)) as never,
      });
      for await (const document of cursor) {
        const startMs = document._id.start.getTime();
        found.set(startMs, [...(found.get(startMs) ?? []), document]);
      }
    }
    return found;
  }

  async function addDocument(sum: ValueCounts, document: CountsDocument): Promise<void> {
    const { values, views, user_sets, chunk_starts, _id } = document;
    let index = 0;
    const add = (sets: mongo.Binary[]) => {
      for (const set of sets) {
        sum.addEncoded(values[index] ?? null, views[index] ?? 0, set.value());
        index += 1;
      }
    };
    if (user_sets) {
      add(user_sets);
      return;
    }
    for (const chunk of (chunk_starts ?? []).keys()) {
      const found = await userSets.findOne({
        _id: { ...orderKey(_id), chunk } as never,
        edition: document.edition,
      });
      if (!found) {
        throw new Error('A rollup names sets of users that are not there. Rebuild the rollups.');
      }
      add(found.user_sets);
    }
  }

  return {
    write,
    addUp: async (site, dimension, buckets) => {
      const counts = await readCounts(site, dimension, buckets);
      const sum = createValueCounts();
      if (counts.size === 0) {
        return sum;
      }
      const totals = dimension === TOTALS ? counts : await readCounts(site, TOTALS, buckets);
      for (const [startMs, ofAll] of totals) {
        // Where a dimension is not, all events had no value.
        const documents = counts.get(startMs)?.slice(0, counts.get(startMs)?.[0]?.parts) ?? ofAll;
        for (const document of documents) {
          if (document.has_too_many_values) {
            sum.overflow();
          }
          if (!sum.hasTooManyValues) {
            await addDocument(sum, document);
          }
        }
      }
      return sum;
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
        // Counts go first: whoever has read them misses their sets, and asks anew.
        await rollups.deleteMany(older);
        await userSets.deleteMany(older);
      }
    },
  };
}

/** The documents of one dimension. */
function toDocuments(bucket: DimensionBucket, edition: number, counts: ValueCounts) {
  const parts = divide(sortRows(counts));
  return parts.map((rows, part) => {
    const key = { ...toKey(bucket), part };
    const sets = rows.map(([, { users }]) => new mongo.Binary(encodeUserSet(users)));
    const size = sets.reduce((sum, set) => sum + set.length(), 0);
    const chunks = size > MAX_INLINE_BYTES ? chunkSets(sets) : [];
    const document: CountsDocument = {
      _id: key,
      edition,
      parts: parts.length,
      ...(counts.hasTooManyValues && { has_too_many_values: true }),
      values: rows.map(([value]) => value),
      views: rows.map(([, { views }]) => views),
      users: rows.map(([, { users }]) => users.size),
      ...(chunks.length > 0 ? { chunk_starts: chunks.map(({ start }) => start) } : { user_sets: sets }),
    };
    return {
      counts: document,
      sets: chunks.map(({ user_sets }, chunk) => ({ _id: { ...key, chunk }, edition, user_sets })),
    };
  });
}

type Row = [DimensionValue, ValueCount];

function sortRows({ rows }: ValueCounts): Row[] {
  return [...rows].sort(([, a], [, b]) => b.views - a.views);
}

/** At least one part, and none too large for a document. */
function divide(rows: Row[]): Row[][] {
  const parts: Row[][] = [[]];
  let units = 0;
  for (const row of rows) {
    units += typeof row[0] === 'string' ? row[0].length : 8;
    if (units > MAX_PART_UNITS || parts.at(-1)?.length === MAX_PART_VALUES) {
      parts.push([]);
      units = 0;
    }
    parts.at(-1)?.push(row);
  }
  return parts;
}

function chunkSets(sets: mongo.Binary[]): { start: number; user_sets: mongo.Binary[] }[] {
  const chunks: { start: number; user_sets: mongo.Binary[] }[] = [];
  let bytes = Number.POSITIVE_INFINITY;
  for (const [index, set] of sets.entries()) {
    bytes += set.length();
    if (bytes > CHUNK_BYTES) {
      chunks.push({ start: index, user_sets: [] });
      bytes = set.length();
    }
    chunks.at(-1)?.user_sets.push(set);
  }
  return chunks;
}

/** The fields in the order in which they are stored: MongoDB compares them one after another. */
function toKey({ site, dimension, granularity, startMs }: DimensionBucket): Omit<RollupKey, 'part'> {
  return { site, dimension, granularity, start: new Date(startMs) };
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
    return { replaceOne: { filter: { _id, edition: { $lt: document.edition } }, replacement, upsert: true } };
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
