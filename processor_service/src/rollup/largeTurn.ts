/** Up to this size, counts are made in parallel, in bytes. */
const MAX_SMALL_BYTES = 8 * 1024 * 1024;

/**
 * Lets one task at a time count a large bucket, so that all tasks together need little more memory than one.
 */
export interface LargeTurns {
  /** The turn of one task, which must end it. */
  join(): LargeTurn;
}

export interface LargeTurn {
  /**
   * Tells how many bytes the task holds. If that is large, waits until no other task holds a large bucket.
   */
  hold(bytes: number): Promise<void> | undefined;
  /** The task holds nothing any more. */
  end(): void;
}

export function createLargeTurns(maxSmallBytes = MAX_SMALL_BYTES): LargeTurns {
  let last: Promise<void> = Promise.resolve();

  return {
    join: () => {
      let leave: (() => void) | undefined;
      return {
        hold: (bytes) => {
          if (bytes <= maxSmallBytes || leave) {
            return undefined;
          }
          const turn = last;
          last = new Promise((resolve) => {
            leave = resolve;
          });
          return turn;
        },
        end: () => {
          leave?.();
          leave = undefined;
        },
      };
    },
  };
}
