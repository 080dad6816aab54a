/** Counts of up to this size are made in parallel, in bytes. */
const MAX_SMALL_BYTES = 8 * 1024 * 1024;

/**
 * Lets one task at a time count a large bucket, so that all tasks together need little more memory than one.
 */
export interface LargeBucketLock {
  /** The claim of one task, which must end it. */
  join(): LargeBucketClaim;
}

export interface LargeBucketClaim {
  /**
   * Reports the bytes that the task holds. Above the limit, waits until no other task holds a large bucket.
   */
  hold(bytes: number): Promise<void> | undefined;
  /** The task holds nothing any more. */
  end(): void;
}

export function createLargeBucketLock(maxSmallBytes = MAX_SMALL_BYTES): LargeBucketLock {
  let last: Promise<void> = Promise.resolve();

  return {
    join: () => {
      let release: (() => void) | undefined;
      return {
        hold: (bytes) => {
          if (bytes <= maxSmallBytes || release) {
            return undefined;
          }
          const previous = last;
          last = new Promise((resolve) => {
            release = resolve;
          });
          return previous;
        },
        end: () => {
          release?.();
          release = undefined;
        },
      };
    },
  };
}
