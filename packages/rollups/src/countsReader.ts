import { type Bucket, findBucketEnd, toBucketKey, toContiguousRanges } from './calendar.ts';
import type { CountsDocument, CountsKey, DimensionValue, RollupCollections } from './documents.ts';
import { countsRange, type DimensionOfSite } from './keys.ts';
import { RollupChangedError, RollupUnreadableError } from './rollupErrors.ts';

/**
 * Reads the counts of a dimension in some buckets, those of one bucket in no order. Yields complete versions
 * only: all parts of a bucket have the same version, and none is missing. Yields nothing for a bucket without
 * events, or whose events have no value of the dimension.
 *
 * With `values`, yields only the parts that contain any of them, and does not check that parts are missing.
 *
 * @throws RollupChangedError if a bucket was written again meanwhile.
 * @throws RollupUnreadableError
 */
export async function* readCounts(
  { counts, readOptions }: Pick<RollupCollections, 'counts' | 'readOptions'>,
  of: DimensionOfSite,
  buckets: readonly Bucket[],
  values?: readonly DimensionValue[],
): AsyncGenerator<CountsDocument> {
  const ranges = toContiguousRanges(buckets).map(({ first, last }) =>
    countsRange(of, first.granularity, { startMs: first.startMs, endMs: findBucketEnd(last) }),
  );
  if (ranges.length === 0) {
    return;
  }
  const wanted = new Set(buckets.map(toBucketKey));
  const seen = new Map<string, SeenVersion>();
  const filter = { $or: ranges, ...(values && { values: { $in: values } }) };
  for await (const document of counts.find(filter, readOptions)) {
    const key = toBucketKey(toBucket(document._id));
    if (!wanted.has(key)) {
      continue;
    }
    requireReadable(document);
    const version = seen.get(key) ?? { version: document.version, parts: document.parts, found: 0 };
    seen.set(key, version);
    // An earlier version may have had more parts, which still exist.
    if (document._id.part < version.parts) {
      if (document.version !== version.version) {
        throw new RollupChangedError('A rollup contains parts of two versions.');
      }
      version.found += 1;
      yield document;
    }
  }
  if (values === undefined && [...seen.values()].some(({ parts, found }) => found !== parts)) {
    throw new RollupChangedError('A rollup lacks some of its parts.');
  }
}

/** The bucket of a document. */
export function toBucket({ granularity, start }: Pick<CountsKey, 'granularity' | 'start'>): Bucket {
  return { granularity, startMs: start.getTime() };
}

/** The version of a bucket, from its first part on. */
interface SeenVersion {
  version: number;
  parts: number;
  found: number;
}

/** @throws RollupUnreadableError unless a document has the current format. */
function requireReadable(document: CountsDocument): void {
  const { parts, values, views, users, has_too_many_values, user_bitmaps, chunk_starts } = document;
  const isAlike = (list: unknown) =>
    Array.isArray(list) && list.length === values.length && list.every(Number.isSafeInteger);
  if (
    !Number.isSafeInteger(parts) ||
    !(has_too_many_values || (Array.isArray(values) && isAlike(views) && isAlike(users))) ||
    ![user_bitmaps ?? [], chunk_starts ?? []].every(Array.isArray)
  ) {
    throw new RollupUnreadableError('counts are not in the current format', toBucket(document._id));
  }
}
