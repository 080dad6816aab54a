/** The lengths of time that are rolled up, the shortest first. All buckets begin and end in UTC. */
export const GRANULARITIES = ['hour', 'day', 'month'] as const;

export type Granularity = (typeof GRANULARITIES)[number];

/** A stretch of time that is counted once; its end is the start of the next one. */
export interface Bucket {
  granularity: Granularity;
  /** Milliseconds since 1970. */
  startMs: number;
}

export const HOUR_MS = 3_600_000;
export const QUARTER_MS = HOUR_MS / 4;
const DAY_MS = 24 * HOUR_MS;

/**
 * The earliest moment of JavaScript (https://tc39.es/ecma262/#sec-time-values-and-time-range). Whatever
 * passes a comparison with it is a date: an event that was put in by hand without one is in no report of a
 * time.
 */
export const MIN_DATE = new Date(-8.64e15);

/** The start of the bucket that a moment lies in. */
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

/** What a bucket is folded into: an hour into its day, a day into its month. */
export function findParent({ granularity, startMs }: Bucket): Bucket | undefined {
  const larger = GRANULARITIES[GRANULARITIES.indexOf(granularity) + 1];
  return larger && { granularity: larger, startMs: findBucketStart(larger, startMs) };
}

/** What a bucket is folded from, the earliest first; an hour is counted from events. */
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
