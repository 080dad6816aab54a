import { type Bucket, findBucketEnd } from '@analytics/shared/rollup/buckets';

/** A rollup was written again while it was read. The question must be asked anew. */
export class RollupChangedError extends Error {
  override readonly name = 'RollupChangedError';
}

/** What is stored of a rollup cannot be decoded, or contradicts itself. Events must be read in its place. */
export class RollupUnreadableError extends Error {
  override readonly name = 'RollupUnreadableError';
  /** The bucket that is at fault; undefined if it may be any of the site. */
  readonly bucket: Bucket | undefined;

  constructor(reason: string, bucket?: Bucket, cause?: unknown) {
    super(`${reason} ${bucket ? `in the ${describeBucket(bucket)}` : 'of a site'}`, { cause });
    this.bucket = bucket;
  }
}

function describeBucket(bucket: Bucket): string {
  const [start, end] = [bucket.startMs, findBucketEnd(bucket)].map((timeMs) =>
    new Date(timeMs).toISOString(),
  );
  return `${bucket.granularity} from ${start} to ${end}`;
}
