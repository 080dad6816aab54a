import { type Bucket, findBucketEnd, findBucketStart, GRANULARITIES } from '@analytics/shared/rollup/buckets';
import type { Span } from '../timeRange.ts';

/** What a stretch of time is put together from, without a gap and without an overlap. */
export interface Coverage {
  buckets: Bucket[];
  /** What must be read from events, the earliest first. */
  raw: Span[];
}

/** Covers a stretch of time with the largest buckets that are rolled up. */
export function cover(span: Span, isRolledUp: (bucket: Bucket) => boolean): Coverage {
  const coverage: Coverage = { buckets: [], raw: [] };
  coverFrom(GRANULARITIES.length - 1, span, isRolledUp, coverage);
  return coverage;
}

function coverFrom(
  level: number,
  { startMs, endMs }: Span,
  isRolledUp: (bucket: Bucket) => boolean,
  coverage: Coverage,
): void {
  const granularity = GRANULARITIES[level];
  if (granularity === undefined) {
    addRaw(coverage.raw, { startMs, endMs });
    return;
  }
  for (let atMs = startMs; atMs < endMs; ) {
    const bucket = { granularity, startMs: findBucketStart(granularity, atMs) };
    const bucketEndMs = findBucketEnd(bucket);
    const partEndMs = Math.min(bucketEndMs, endMs);
    if (atMs === bucket.startMs && partEndMs === bucketEndMs && isRolledUp(bucket)) {
      coverage.buckets.push(bucket);
    } else {
      coverFrom(level - 1, { startMs: atMs, endMs: partEndMs }, isRolledUp, coverage);
    }
    atMs = partEndMs;
  }
}

function addRaw(raw: Span[], span: Span): void {
  const last = raw.at(-1);
  if (last?.endMs === span.startMs) {
    last.endMs = span.endMs;
  } else {
    raw.push({ ...span });
  }
}

/** Buckets of one length that follow each other. */
export interface Run {
  first: Bucket;
  last: Bucket;
}

/** The fewest runs that hold all of the buckets. */
export function findRuns(buckets: Iterable<Bucket>): Run[] {
  const runs: Run[] = [];
  const sorted = [...buckets].sort(
    (a, b) =>
      GRANULARITIES.indexOf(a.granularity) - GRANULARITIES.indexOf(b.granularity) || a.startMs - b.startMs,
  );
  for (const bucket of sorted) {
    const run = runs.at(-1);
    if (run?.last.granularity === bucket.granularity && findBucketEnd(run.last) >= bucket.startMs) {
      run.last = bucket;
    } else {
      runs.push({ first: bucket, last: bucket });
    }
  }
  return runs;
}
