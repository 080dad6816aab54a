import { type Bucket, findBucketEnd } from './calendar.ts';

/** Another version of a rollup was written while it was read. Read it again. */
export class RollupChangedError extends Error {
  override readonly name = 'RollupChangedError';
}

/** A stored rollup cannot be decoded, or contradicts itself. Read the events instead. */
export class RollupUnreadableError extends Error {
  override readonly name = 'RollupUnreadableError';
  /** The bucket of the rollup. Undefined: it may be any bucket of the site. */
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
