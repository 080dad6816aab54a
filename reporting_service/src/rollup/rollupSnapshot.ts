import {
  type Bucket,
  findBucketStart,
  findParent,
  GRANULARITIES,
  MIN_DATE,
} from '@analytics/shared/rollup/buckets';
import {
  type BaselineDocument,
  type MarkDocument,
  ROLLUP_COLLECTIONS,
  ROLLUP_FORMAT,
  type SiteDocument,
} from '@analytics/shared/rollup/rollupCollections';
import type { MemoryAccount } from '../reportMemory.ts';
import type { ReportSource } from '../reportSource.ts';
import type { Span } from '../timeRange.ts';
import { toBucketKey } from './bucketKey.ts';
import { type CountsReader, createCountsReader, emptyCounts } from './rollupReader.ts';

/** Which rollups of a site can be believed, from the moment on at which the marks were read. */
export interface RollupSnapshot {
  /** Absent if nothing of the site was ever rolled up: what is not marked is empty. */
  site: SiteDocument | undefined;
  isRolledUp(bucket: Bucket): boolean;
  /** Reads what is rolled up of the site. */
  counts: CountsReader;
  /** What the answer may hold. */
  memory: MemoryAccount;
}

export interface SnapshotOptions {
  memory: MemoryAccount;
  /** The keys of buckets whose rollups cannot be read. */
  unreadable: ReadonlySet<string>;
}

const DOCUMENTS_PER_REPLY = 5000;

/** What a mark takes in the set of those that are known. */
const MARK_BYTES = 120;

/**
 * Reads what is marked in a stretch of time. Whatever is marked later was stored later: an answer from what
 * is not marked now is true of this moment. Undefined while older events may be unmarked.
 *
 * @throws MemoryShortError, TooManyValuesError if very much is marked.
 */
export async function readSnapshot(
  { rollups: collections }: Pick<ReportSource, 'rollups'>,
  site_id: string,
  span: Span | undefined,
  { memory, unreadable }: SnapshotOptions,
): Promise<RollupSnapshot | undefined> {
  const found = collections.states.aggregate<BaselineDocument | Pick<MarkDocument, '_id'> | SiteDocument>(
    buildSnapshotPipeline(site_id, span),
    { ...collections.readOptions, batchSize: DOCUMENTS_PER_REPLY },
  );
  let isBelieved = false;
  let site: SiteDocument | undefined;
  const spoiled = new Set<string>();
  for await (const document of found) {
    if ('is_complete' in document) {
      isBelieved = document.is_complete && document.format === ROLLUP_FORMAT;
    } else if ('number' in document) {
      site = document;
    } else {
      memory.take(MARK_BYTES);
      addWithParents(spoiled, document._id);
    }
  }
  return isBelieved
    ? {
        site,
        isRolledUp: (bucket) => !spoiled.has(toBucketKey(bucket)) && !unreadable.has(toBucketKey(bucket)),
        counts: site ? createCountsReader(collections, site.number, memory) : emptyCounts,
        memory,
      }
    : undefined;
}

/**
 * Three collections in one question, each read when the one before is through. The marks come after the
 * state, which may say that all are there; the site comes after the marks, because whatever was taken away
 * from them is known of it by then.
 */
function buildSnapshotPipeline(site_id: string, span: Span | undefined) {
  const marks = [{ $match: { $or: listMarkRanges(site_id, span) } }, { $project: { _id: 1 } }];
  return [
    { $match: { _id: 'baseline' } },
    { $unionWith: { coll: ROLLUP_COLLECTIONS.marks, pipeline: marks } },
    { $unionWith: { coll: ROLLUP_COLLECTIONS.sites, pipeline: [{ $match: { _id: site_id } }] } },
  ];
}

function addWithParents(spoiled: Set<string>, { granularity, start }: MarkDocument['_id']): void {
  let bucket: Bucket | undefined = { granularity, startMs: start.getTime() };
  while (bucket) {
    spoiled.add(toBucketKey(bucket));
    bucket = findParent(bucket);
  }
}

/** A mark counts wherever it meets the span, so each range begins with the bucket that the span begins in. */
function listMarkRanges(site_id: string, span: Span | undefined) {
  return GRANULARITIES.map((granularity) => {
    const start = span ? new Date(findBucketStart(granularity, span.startMs)) : MIN_DATE;
    const end = span ? new Date(span.endMs) : MAX_DATE;
    return { _id: { $gte: { site_id, granularity, start }, $lt: { site_id, granularity, start: end } } };
  });
}

/** The latest moment of JavaScript. */
const MAX_DATE = new Date(8.64e15);
