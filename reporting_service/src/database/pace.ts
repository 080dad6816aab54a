import { setImmediate as nextTurn } from 'node:timers/promises';

/** The longest time that a computation holds the event loop (ms). */
const SLICE_MS = 10;

/** Divides a long computation into slices, so that timers and I/O, such as a health probe, run in between. */
export interface Pace {
  /** Whether the slice is over. */
  isDue(): boolean;
  /**
   * Yields the event loop once.
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
