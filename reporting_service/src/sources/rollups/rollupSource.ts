import type { RollupCollections } from '@analytics/rollups/documents';
import type { Freshness } from '@analytics/rollups/freshness';
import type { ReportContext } from '../../database/reportContext.ts';
import type { MemoryAccount } from '../../database/reportMemory.ts';
import { createHeldCounts, emptyCounts, type HeldCounts } from './heldCounts.ts';

/** The rollups of one site, as far as one attempt at a report reads them. */
export interface RollupSource {
  signal: AbortSignal;
  collections: RollupCollections;
  /** The site's code. Undefined: the site has no rollups, and its fresh buckets contain no events. */
  site: number | undefined;
  counts: HeldCounts;
  memory: MemoryAccount;
}

/** The counts of a source, or the buckets that it cannot answer because they have too many values. */
export type RollupOutcome<Value> =
  | { ok: true; value: Value }
  | { ok: false; dimension: string; overflowed: string[] };

export function openRollupSource(
  { rollups, signal }: ReportContext,
  { site }: Freshness,
  memory: MemoryAccount,
): RollupSource {
  return {
    signal,
    collections: rollups,
    site: site?.code,
    counts: site ? createHeldCounts(rollups, site.code, memory) : emptyCounts,
    memory,
  };
}
