import {
  type Bucket,
  findBucketEnd,
  findBucketStart,
  GRANULARITIES,
  QUARTER_HOUR_MS,
  type TimeSpan,
} from '@analytics/rollups/calendar';

/** Divides a span among rollups and events, without a gap or an overlap. */
export interface Coverage {
  buckets: Bucket[];
  /** Parts of fresh hours. Only some rollups can answer them. */
  partialHours: PartialHour[];
  /** The rest, which is read from events. The earliest span comes first. */
  liveSpans: TimeSpan[];
}

/** Whole quarters of an hour. */
interface PartialHour extends TimeSpan {
  hour: Bucket;
  /** From 0 to 3. */
  firstQuarter: number;
  /** From 0 to 3, inclusive. */
  lastQuarter: number;
}

/** Covers a span with the largest fresh buckets. */
export function cover(span: TimeSpan, isFresh: (bucket: Bucket) => boolean): Coverage {
  const coverage: Coverage = { buckets: [], partialHours: [], liveSpans: [] };
  coverFrom(GRANULARITIES.length - 1, span, isFresh, coverage);
  return coverage;
}

function coverFrom(
  level: number,
  { startMs, endMs }: TimeSpan,
  isFresh: (bucket: Bucket) => boolean,
  coverage: Coverage,
): void {
  const granularity = GRANULARITIES[level];
  if (granularity === undefined) {
    addSpan(coverage.liveSpans, { startMs, endMs });
    return;
  }
  for (let atMs = startMs; atMs < endMs; ) {
    const bucket = { granularity, startMs: findBucketStart(granularity, atMs) };
    const bucketEndMs = findBucketEnd(bucket);
    const part = { startMs: atMs, endMs: Math.min(bucketEndMs, endMs) };
    const isWhole = part.startMs === bucket.startMs && part.endMs === bucketEndMs;
    const quarters = granularity === 'hour' && !isWhole ? findQuarters(bucket, part) : undefined;
    if (isWhole && isFresh(bucket)) {
      coverage.buckets.push(bucket);
    } else if (quarters && isFresh(bucket)) {
      coverage.partialHours.push(quarters);
    } else {
      coverFrom(level - 1, part, isFresh, coverage);
    }
    atMs = part.endMs;
  }
}

function findQuarters(hour: Bucket, { startMs, endMs }: TimeSpan): PartialHour | undefined {
  const [first, end] = [startMs, endMs].map((timeMs) => (timeMs - hour.startMs) / QUARTER_HOUR_MS);
  return Number.isInteger(first) && Number.isInteger(end)
    ? { hour, startMs, endMs, firstQuarter: first ?? 0, lastQuarter: (end ?? 0) - 1 }
    : undefined;
}

/** The same division for rollups that cannot answer a part of an hour. */
export function withoutPartialHours({ buckets, partialHours, liveSpans }: Coverage): Coverage {
  return partialHours.length === 0
    ? { buckets, partialHours, liveSpans }
    : { buckets, partialHours: [], liveSpans: joinSpans([...partialHours, ...liveSpans]) };
}

/**
 * The same division, with the buckets for which `isExcluded` holds replaced by smaller ones, or by events.
 */
export function excludeBuckets(
  coverage: Coverage,
  isFresh: (bucket: Bucket) => boolean,
  isExcluded: (bucket: Bucket) => boolean,
): Coverage {
  const excluded = coverage.buckets.filter(isExcluded);
  if (excluded.length === 0) {
    return coverage;
  }
  const isUsable = (bucket: Bucket) => isFresh(bucket) && !isExcluded(bucket);
  const smaller = excluded.map((bucket) =>
    cover({ startMs: bucket.startMs, endMs: findBucketEnd(bucket) }, isUsable),
  );
  return {
    buckets: [
      ...coverage.buckets.filter((bucket) => !isExcluded(bucket)),
      ...smaller.flatMap(({ buckets }) => buckets),
    ],
    partialHours: coverage.partialHours,
    liveSpans: joinSpans([...coverage.liveSpans, ...smaller.flatMap(({ liveSpans }) => liveSpans)]),
  };
}

/** Whether rollups answer any of it. */
export function usesRollups({ buckets, partialHours }: Coverage): boolean {
  return buckets.length > 0 || partialHours.length > 0;
}

/** Joins spans that touch, so that MongoDB has few ranges to look up. The earliest span comes first. */
export function joinSpans(spans: readonly TimeSpan[]): TimeSpan[] {
  const joined: TimeSpan[] = [];
  for (const span of [...spans].sort((a, b) => a.startMs - b.startMs)) {
    addSpan(joined, span);
  }
  return joined;
}

function addSpan(spans: TimeSpan[], { startMs, endMs }: TimeSpan): void {
  const last = spans.at(-1);
  if (last?.endMs === startMs) {
    last.endMs = endMs;
  } else {
    spans.push({ startMs, endMs });
  }
}
