import { setImmediate as nextTurn } from 'node:timers/promises';

/** The longest that one piece of work holds the event loop, in milliseconds. */
const SLICE_MS = 10;

/**
 * Cuts long work into slices: call it often, and wait if it returns a promise. Between two slices everything else gets its turn,
 * such as the sign of life of a dependency that would otherwise be read too late.
 */
export type Pace = () => Promise<void> | undefined;

/** @throws from the returned promise the signal's reason, once nobody wants the work any more. */
export function createPace(signal?: AbortSignal): Pace {
  let sliceEndMs = performance.now() + SLICE_MS;
  async function pause(): Promise<void> {
    await nextTurn();
    signal?.throwIfAborted();
    sliceEndMs = performance.now() + SLICE_MS;
  }
  return () => (performance.now() < sliceEndMs ? undefined : pause());
}
