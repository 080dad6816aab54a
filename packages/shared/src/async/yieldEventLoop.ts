import { setImmediate as nextTurn } from 'node:timers/promises';

/** How long a computation may hold the event loop, in milliseconds. */
const MAX_HELD_MS = 20;

/**
 * Makes a function for a long computation to call and await now and then. Once the computation has run for
 * `maxHeldMs`, the call lets timers and I/O run first; otherwise it costs next to nothing.
 */
export function createEventLoopYield(maxHeldMs = MAX_HELD_MS): () => Promise<void> | undefined {
  let sinceMs = performance.now();
  return () => {
    if (performance.now() - sinceMs < maxHeldMs) {
      return undefined;
    }
    return nextTurn().then(() => {
      sinceMs = performance.now();
    });
  };
}
