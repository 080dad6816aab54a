import type { CountsDocument, DimensionValue, UserBitmapsDocument } from '@analytics/rollups/documents';
import { type CodedDimensionBucket, toBitmapsKey, toCountsKey } from '@analytics/rollups/keys';
import { createEventLoopYield } from '@analytics/shared/async/yieldEventLoop';
import { mongo } from 'mongoose';
import type { ValueCount, ValueCounts } from './counting/valueCounts.ts';
import { countUsers, encodeUsers } from './counting/valueUsers.ts';

const MAX_PART_VALUES = 20_000;

/** The most UTF-16 code units of all values of one part, which keeps it well below MongoDB's 16 MiB. */
const MAX_PART_UNITS = 2_000_000;

/** The size of a value in a document without its text, in bytes. */
const ROW_BYTES = 48;

/**
 * Bitmaps of up to this size together stay with the counts. Larger ones are read only when users are asked
 * for.
 */
const MAX_INLINE_BYTES = 512;

/** About the size of a document of bitmaps. A report on a few values reads a few of these. */
const CHUNK_BYTES = 16 * 1024;

/** One document and its estimated size. */
export type RollupDocument = { bytes: number } & (
  | { bitmaps: UserBitmapsDocument }
  | { counts: CountsDocument }
);

/**
 * Yields the documents of one dimension: for each part its bitmaps, then its counts. Yields the event loop,
 * too.
 */
export async function* makeDocuments(
  bucket: CodedDimensionBucket,
  version: number,
  counts: ValueCounts,
): AsyncGenerator<RollupDocument> {
  const yieldLoop = createEventLoopYield();
  const parts = divide(sortRows(counts));
  for (const [part, { rows, units }] of parts.entries()) {
    const key = toCountsKey(bucket, part);
    const chunk_starts: number[] = [];
    let user_bitmaps: mongo.Binary[] = [];
    let bytes = 0;
    const takeChunk = (end: number): RollupDocument => {
      const _id = toBitmapsKey(key, chunk_starts.length);
      chunk_starts.push(end - user_bitmaps.length);
      const document = { bytes, bitmaps: { _id, version, user_bitmaps } };
      user_bitmaps = [];
      bytes = 0;
      return document;
    };
    for (const [index, [, { users }]] of rows.entries()) {
      const bitmap = encodeUsers(users);
      if (bytes + bitmap.length > CHUNK_BYTES && user_bitmaps.length > 0) {
        yield takeChunk(index);
      }
      user_bitmaps.push(new mongo.Binary(bitmap));
      bytes += bitmap.length;
      await yieldLoop();
    }
    if (chunk_starts.length > 0 || bytes > MAX_INLINE_BYTES) {
      yield takeChunk(rows.length);
    }
    const document: CountsDocument = {
      _id: key,
      version,
      parts: parts.length,
      ...(counts.hasTooManyValues && { has_too_many_values: true }),
      values: rows.map(([value]) => value),
      views: rows.map(([, { views }]) => views),
      users: rows.map(([, { users }]) => countUsers(users)),
      ...(chunk_starts.length > 0 ? { chunk_starts } : { user_bitmaps }),
    };
    yield { bytes: units + ROW_BYTES * rows.length, counts: document };
    await yieldLoop();
  }
}

type Row = [DimensionValue, ValueCount];

interface Part {
  rows: Row[];
  units: number;
}

function sortRows({ rows }: ValueCounts): Row[] {
  return [...rows].sort(([, a], [, b]) => b.views - a.views);
}

/** Divides rows into at least one part, none too large for a document. */
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
