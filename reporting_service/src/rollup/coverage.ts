import {
  type Bucket,
  findBucketEnd,
  findBucketStart,
  GRANULARITIES,
  QUARTER_HOUR_MS,
} from '@analytics/rollups/calendar';
import type { ReportMeta } from '@analytics/shared/stats';
import type { Span } from '../timeRange.ts';

/** What a stretch of time is put together from, without a gap and without an overlap. */
export interface Coverage {
  buckets: Bucket[];
  /** Parts of hours that are rolled up. */
  hourParts: HourPart[];
  /** What must be read from events, the earliest first. */
  raw: Span[];
}

/** Whole quarters of an hour. */
export interface HourPart {
  hour: Bucket;
  /** From 0 to 3; the last one is part of it. */
  firstQuarter: number;
  lastQuarter: number;
}

/**
 * Covers a stretch of time with the largest buckets that are rolled up. `splitsHours`: an hour's quarters are
 * known, too.
 */
export function cover(
  span: Span,
  isFresh: (bucket: Bucket) => boolean,
  { splitsHours = false } = {},
): Coverage {
  const coverage: Coverage = { buckets: [], hourParts: [], raw: [] };
  coverFrom(GRANULARITIES.length - 1, span, { isFresh, splitsHours }, coverage);
  return coverage;
}

interface Known {
  isFresh: (bucket: Bucket) => boolean;
  splitsHours: boolean;
}

function coverFrom(level: number, { startMs, endMs }: Span, known: Known, coverage: Coverage): void {
  const granularity = GRANULARITIES[level];
  if (granularity === undefined) {
    addRaw(coverage.raw, { startMs, endMs });
    return;
  }
  for (let atMs = startMs; atMs < endMs; ) {
    const bucket = { granularity, startMs: findBucketStart(granularity, atMs) };
    const bucketEndMs = findBucketEnd(bucket);
    const part = { startMs: atMs, endMs: Math.min(bucketEndMs, endMs) };
    const isWhole = part.startMs === bucket.startMs && part.endMs === bucketEndMs;
    const quarters = known.splitsHours && granularity === 'hour' ? findQuarters(bucket, part) : undefined;
    if ((isWhole || quarters) && known.isFresh(bucket)) {
      if (quarters && !isWhole) {
        coverage.hourParts.push(quarters);
      } else {
        coverage.buckets.push(bucket);
      }
    } else {
      coverFrom(level - 1, part, known, coverage);
    }
    atMs = part.endMs;
  }
}

function findQuarters(hour: Bucket, { startMs, endMs }: Span): HourPart | undefined {
  const [first, end] = [startMs, endMs].map((timeMs) => (timeMs - hour.startMs) / QUARTER_HOUR_MS);
  return Number.isInteger(first) && Number.isInteger(end)
    ? { hour, firstQuarter: first ?? 0, lastQuarter: (end ?? 0) - 1 }
    : undefined;
}

function addRaw(raw: Span[], span: Span): void {
  const last = raw.at(-1);
  if (last?.endMs === span.startMs) {
    last.endMs = span.endMs;
  } else {
    raw.push({ ...span });
  }
}

export type AnswerSource = Exclude<ReportMeta['source'], 'cache'>;

/** What answers are read from that are put together so. */
export function describeSource(coverages: readonly Coverage[]): AnswerSource {
  const hasRaw = coverages.some(({ raw }) => raw.length > 0);
  return hasRaw ? (coverages.some(isPartlyRolledUp) ? 'mixed' : 'live') : 'rollup';
}

export function isPartlyRolledUp({ buckets, hourParts }: Coverage): boolean {
  return buckets.length > 0 || hourParts.length > 0;
}
