import { setImmediate as nextTurn } from 'node:timers/promises';

/** What a long computation may take of the event loop at a time, in milliseconds. */
const MAX_HELD_MS = 20;

/**
 * For a loop that computes for long: call what this returns once in a while, and await it. It lets everything else that waits
 * run whenever the loop may have held the event loop for `maxHeldMs`, and is nearly free otherwise.
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
