import { type Bucket, findBucketStart, findParent, GRANULARITIES } from '@analytics/shared/rollup/buckets';
import {
  ROLLUP_FORMAT,
  type RollupCollections,
  type SiteDocument,
} from '@analytics/shared/rollup/rollupCollections';
import type { Span } from '../timeRange.ts';

/** Which rollups of a site can be believed, from the moment on at which the marks were read. */
export interface RollupSnapshot {
  /** Absent if nothing of the site was ever rolled up: what is not marked is empty. */
  site: SiteDocument | undefined;
  isRolledUp(bucket: Bucket): boolean;
}

/**
 * Reads what is marked in a stretch of time. Whatever is marked later was stored later: an answer from what is not marked now is
 * true of this moment. Undefined while older events may be unmarked.
 */
export async function readSnapshot(
  { marks, states, sites }: RollupCollections,
  site_id: string,
  span: Span | undefined,
): Promise<RollupSnapshot | undefined> {
  const [state, found] = await Promise.all([
    states.findOne({ _id: 'baseline' }),
    marks.find({ $or: listMarkRanges(site_id, span) }, { projection: { _id: 1 } }).toArray(),
  ]);
  if (!state?.is_complete || state.format !== ROLLUP_FORMAT) {
    return undefined;
  }
  // After the marks: whatever was taken away from them is known of the site by now.
  const site = await sites.findOne({ _id: site_id });
  const spoiled = new Set<string>();
  for (const { _id } of found) {
    let bucket: Bucket | undefined = { granularity: _id.granularity, startMs: _id.start.getTime() };
    while (bucket) {
      spoiled.add(toBucketKey(bucket));
      bucket = findParent(bucket);
    }
  }
  return { site: site ?? undefined, isRolledUp: (bucket) => !spoiled.has(toBucketKey(bucket)) };
}

/** Names a bucket. */
export function toBucketKey({ granularity, startMs }: Bucket): string {
  return `${granularity}/${startMs}`;
}

/** A mark counts wherever it meets the span, so each range begins with the bucket that the span begins in. */
function listMarkRanges(site_id: string, span: Span | undefined) {
  return GRANULARITIES.map((granularity) => {
    const start = span ? new Date(findBucketStart(granularity, span.startMs)) : MIN_DATE;
    const end = span ? new Date(span.endMs) : MAX_DATE;
    return { _id: { $gte: { site_id, granularity, start }, $lt: { site_id, granularity, start: end } } };
  });
}

/** The earliest and the latest moment of JavaScript (https://tc39.es/ecma262/#sec-time-values-and-time-range). */
const MIN_DATE = new Date(-8.64e15);
const MAX_DATE = new Date(8.64e15);
