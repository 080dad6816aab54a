import { createEventLoopYield } from '@analytics/shared/async/yieldEventLoop';
import type { Bucket } from '@analytics/shared/rollup/buckets';
import type {
  CountsDocument,
  DimensionValue,
  RollupKey,
  UserSetsDocument,
} from '@analytics/shared/rollup/rollupCollections';
import { mongo } from 'mongoose';
import type { ValueCount, ValueCounts } from './valueCounts.ts';
import { countUsers, encodeUsers } from './valueUsers.ts';

/** The most values of one document. */
const MAX_PART_VALUES = 20_000;

/** The most UTF-16 code units of all values of one document, so that it stays well below MongoDB's 16 MiB. */
const MAX_PART_UNITS = 2_000_000;

/** The size of a value in a document without its text, in bytes. */
const ROW_BYTES = 48;

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

/** One document and its estimated size. */
export type RollupDocument = { bytes: number } & ({ sets: UserSetsDocument } | { counts: CountsDocument });

/**
 * Yields the documents of one dimension: for each part its sets, then its counts. Yields the event loop, too.
 */
export async function* makeDocuments(
  bucket: DimensionBucket,
  edition: number,
  counts: ValueCounts,
): AsyncGenerator<RollupDocument> {
  const yieldLoop = createEventLoopYield();
  const parts = divide(sortRows(counts));
  for (const [part, { rows, units }] of parts.entries()) {
    const key = { ...toKey(bucket), part };
    const chunk_starts: number[] = [];
    let user_sets: mongo.Binary[] = [];
    let bytes = 0;
    const takeChunk = (end: number): RollupDocument => {
      const chunk = chunk_starts.length;
      chunk_starts.push(end - user_sets.length);
      const document = { bytes, sets: { _id: { ...key, chunk }, edition, user_sets } };
      user_sets = [];
      bytes = 0;
      return document;
    };
    for (const [index, [, { users }]] of rows.entries()) {
      const set = encodeUsers(users);
      if (bytes + set.length > CHUNK_BYTES && user_sets.length > 0) {
        yield takeChunk(index);
      }
      user_sets.push(new mongo.Binary(set));
      bytes += set.length;
      await yieldLoop();
    }
    if (chunk_starts.length > 0 || bytes > MAX_INLINE_BYTES) {
      yield takeChunk(rows.length);
    }
    const document: CountsDocument = {
      _id: key,
      edition,
      parts: parts.length,
      ...(counts.hasTooManyValues && { has_too_many_values: true }),
      values: rows.map(([value]) => value),
      views: rows.map(([, { views }]) => views),
      users: rows.map(([, { users }]) => countUsers(users)),
      ...(chunk_starts.length > 0 ? { chunk_starts } : { user_sets }),
    };
    yield { bytes: units + ROW_BYTES * rows.length, counts: document };
    await yieldLoop();
  }
}

/** The fields in the order in which they are stored: MongoDB compares them one after another. */
export function toKey({ site, dimension, granularity, startMs }: DimensionBucket): Omit<RollupKey, 'part'> {
  return { site, dimension, granularity, start: new Date(startMs) };
}

type Row = [DimensionValue, ValueCount];

interface Part {
  rows: Row[];
  units: number;
}

function sortRows({ rows }: ValueCounts): Row[] {
  return [...rows].sort(([, a], [, b]) => b.views - a.views);
}

/** At least one part, and none too large for a document. */
function divide(rows: readonly Row[]): Part[] {
  let part: Part = { rows: [], units: 0 };
  const parts = [part];
  for (const row of rows) {
    const units = typeof row[0] === 'string' ? row[0].length : 8;
    if (part.units + units > MAX_PART_UNITS || part.rows.length === MAX_PART_VALUES) {
      part = { rows: [], units: 0 };
      parts.push(part);
    }
    part.rows.push(row);
    part.units += units;
  }
  return parts;
}
