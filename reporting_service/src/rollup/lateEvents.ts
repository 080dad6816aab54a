import { findBucketStart, HOUR_MS } from '@analytics/shared/rollup/buckets';
import type { RollupCollections } from '@analytics/shared/rollup/rollupCollections';
import type { Span } from '../timeRange.ts';

/**
 * An hour that has been over for less counts as the present: its mark rests for a minute and is found within
 * half of one.
 */
const SETTLING_MS = 120_000;

/**
 * Whether an hour that is over has events which are not rolled up: some came late, or the processor is
 * behind.
 */
export async function hasLateEvents(
  { marks, readOptions }: RollupCollections,
  site_id: string,
  span: Span | undefined,
  nowMs: number,
): Promise<boolean> {
  const granularity = 'hour';
  const startMs = findBucketStart('hour', span?.startMs ?? -8.64e15);
  const endMs = Math.min(
    span?.endMs ?? nowMs,
    findBucketStart('hour', nowMs - SETTLING_MS - HOUR_MS) + HOUR_MS,
  );
  const range = {
    $gte: { site_id, granularity, start: new Date(Math.max(startMs, -8.64e15)) },
    $lt: { site_id, granularity, start: new Date(endMs) },
  };
  return (await marks.findOne({ _id: range as never }, { ...readOptions, projection: { _id: 1 } })) !== null;
}
