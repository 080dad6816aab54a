/** The lengths of buckets, the shortest first. All buckets begin and end in UTC. */
export const GRANULARITIES = ['hour', 'day', 'month'] as const;

export type Granularity = (typeof GRANULARITIES)[number];

/** A span of time with counts of its own. Its end is the start of the next bucket. */
export interface Bucket {
  granularity: Granularity;
  /** Milliseconds since 1970. */
  startMs: number;
}

/** From `startMs` up to but not including `endMs`, in milliseconds since 1970. */
export interface TimeSpan {
  startMs: number;
  endMs: number;
}

export const HOUR_MS = 3_600_000;
export const QUARTER_HOUR_MS = HOUR_MS / 4;
export const DAY_MS = 24 * HOUR_MS;

/**
 * The earliest and the latest date of JavaScript (https://tc39.es/ecma262/#sec-time-values-and-time-range).
 * MongoDB compares by type first, so a range that begins here matches dates only: an event without one is in
 * no report.
 */
export const MIN_DATE = new Date(-8.64e15);
export const MAX_DATE = new Date(8.64e15);

/** The start of the bucket that contains a moment. */
export function findBucketStart(granularity: Granularity, timeMs: number): number {
  switch (granularity) {
    case 'hour':
      return Math.floor(timeMs / HOUR_MS) * HOUR_MS;
    case 'day':
      return Math.floor(timeMs / DAY_MS) * DAY_MS;
    case 'month': {
      const day = new Date(findBucketStart('day', timeMs));
      return day.setUTCDate(1);
    }
  }
}

/** The first moment after a bucket. */
export function findBucketEnd({ granularity, startMs }: Bucket): number {
  switch (granularity) {
    case 'hour':
      return startMs + HOUR_MS;
    case 'day':
      return startMs + DAY_MS;
    case 'month': {
      const start = new Date(startMs);
      return start.setUTCMonth(start.getUTCMonth() + 1);
    }
  }
}

/** The bucket that this one is merged into: the day of an hour, the month of a day. */
export function findParent({ granularity, startMs }: Bucket): Bucket | undefined {
  const larger = GRANULARITIES[GRANULARITIES.indexOf(granularity) + 1];
  return larger && { granularity: larger, startMs: findBucketStart(larger, startMs) };
}

/**
 * The buckets that this one is merged from, the earliest first. An hour has none: it is counted from events.
 */
export function listChildren(bucket: Bucket): Bucket[] {
  const smaller = GRANULARITIES[GRANULARITIES.indexOf(bucket.granularity) - 1];
  const children: Bucket[] = [];
  if (smaller !== undefined) {
    const endMs = findBucketEnd(bucket);
    for (let { startMs } = bucket; startMs < endMs; ) {
      const child = { granularity: smaller, startMs };
      children.push(child);
      startMs = findBucketEnd(child);
    }
  }
  return children;
}

/** A text that is the same for the same bucket only. */
export function toBucketKey({ granularity, startMs }: Bucket): string {
  return `${granularity}/${startMs}`;
}

/** Buckets of one granularity that follow each other. */
export interface BucketRange {
  first: Bucket;
  last: Bucket;
}

/** Bridge gaps of up to this many buckets instead of starting a new range. */
const MAX_GAP = 24;

/** A few ranges that contain all of the buckets, and perhaps others between them. */
export function toContiguousRanges(buckets: Iterable<Bucket>): BucketRange[] {
  const ranges: BucketRange[] = [];
  const sorted = [...buckets].sort(
    (a, b) =>
      GRANULARITIES.indexOf(a.granularity) - GRANULARITIES.indexOf(b.granularity) || a.startMs - b.startMs,
  );
  for (const bucket of sorted) {
    const range = ranges.at(-1);
    const lengthMs = range && findBucketEnd(range.last) - range.last.startMs;
    if (
      range?.last.granularity === bucket.granularity &&
      bucket.startMs - range.last.startMs <= (lengthMs ?? 0) * (MAX_GAP + 1)
    ) {
      range.last = bucket;
    } else {
      ranges.push({ first: bucket, last: bucket });
    }
  }
  return ranges;
}
