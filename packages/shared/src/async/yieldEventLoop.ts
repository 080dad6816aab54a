import { setImmediate as nextTurn } from 'node:timers/promises';

/** How long a computation may block the event loop (ms). */
const MAX_HELD_MS = 20;

/**
 * Creates a function that a long computation calls and awaits regularly. Once the computation has run for
 * `MAX_HELD_MS`, the call lets timers and I/O run. Otherwise it returns undefined, at almost no cost.
 */
export function createEventLoopYield(): () => Promise<void> | undefined {
  let sinceMs = performance.now();
  return () => {
    if (performance.now() - sinceMs < MAX_HELD_MS) {
      return undefined;
    }
    return nextTurn().then(() => {
      sinceMs = performance.now();
    });
  };
}
