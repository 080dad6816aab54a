import { setImmediate as nextTurn } from 'node:timers/promises';

/** The longest that one piece of work holds the event loop, in milliseconds. */
const SLICE_MS = 10;

/**
 * Cuts long work into slices. Between two of them everything else gets its turn, such as the sign of life of
 * a dependency that would otherwise be read too late.
 */
export interface Pace {
  /** Whether the slice is over. */
  isDue(): boolean;
  /**
   * Lets the event loop turn once.
   *
   * @throws the signal's reason once it aborts.
   */
  rest(): Promise<void>;
}

export function createPace(signal: AbortSignal): Pace {
  let sliceEndMs = performance.now() + SLICE_MS;
  return {
    isDue: () => performance.now() >= sliceEndMs,
    rest: async () => {
      await nextTurn();
      signal.throwIfAborted();
      sliceEndMs = performance.now() + SLICE_MS;
    },
  };
}
