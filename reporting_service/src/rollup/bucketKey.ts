import type { Bucket } from '@analytics/shared/rollup/buckets';

/** Names a bucket. */
export function toBucketKey({ granularity, startMs }: Bucket): string {
  return `${granularity}/${startMs}`;
}
