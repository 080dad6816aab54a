import { type Bucket, type TimeSpan, toBucketKey } from '@analytics/rollups/calendar';
import { type Freshness, readFreshness } from '@analytics/rollups/freshness';
import type { MemoryAccount } from '../reportMemory.ts';
import type { ReportSource } from '../reportSource.ts';
import { type CountsReader, createCountsReader, emptyCounts } from './rollupReader.ts';

/** Which rollups of a site can be believed, from the moment on at which the invalidations were read. */
export interface RollupSnapshot extends Freshness {
  /** Reads the rollups of the site. */
  counts: CountsReader;
  /** The memory that the answer may take. */
  memory: MemoryAccount;
}

export interface SnapshotOptions {
  memory: MemoryAccount;
  /** The keys of buckets whose rollups cannot be read. */
  unreadable: ReadonlySet<string>;
}

/** The memory of a stale bucket's key. */
const INVALIDATION_BYTES = 120;

/**
 * Reads which rollups of a span can be used. Undefined until the backfill is complete.
 *
 * @throws MemoryShortError, TooManyValuesError if there are very many invalidations.
 */
export async function readSnapshot(
  { rollups: collections }: Pick<ReportSource, 'rollups'>,
  site_id: string,
  span: TimeSpan | undefined,
  { memory, unreadable }: SnapshotOptions,
): Promise<RollupSnapshot | undefined> {
  const freshness = await readFreshness(collections, site_id, span, () => memory.take(INVALIDATION_BYTES));
  if (freshness === undefined) {
    return undefined;
  }
  const { site, isFresh } = freshness;
  return {
    site,
    isFresh: (bucket: Bucket) => isFresh(bucket) && !unreadable.has(toBucketKey(bucket)),
    counts: site ? createCountsReader(collections, site.code, memory) : emptyCounts,
    memory,
  };
}
