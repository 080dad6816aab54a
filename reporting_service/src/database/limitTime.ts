import { setMaxListeners } from 'node:events';
import { TimeoutError } from '@analytics/shared/async/withTimeout';

/**
 * Makes a controller that aborts with the signal's reason, or with a TimeoutError `limitMs` after
 * `startedMs`, which is by `performance.now()`. `end` detaches it from both.
 */
export function limitTime(
  signal: AbortSignal,
  limitMs: number,
  startedMs = performance.now(),
): { stopping: AbortController; end: () => void } {
  const stopping = new AbortController();
  // Each command of a report listens while it runs. For more than ten listeners, Node would warn of a leak.
  setMaxListeners(0, stopping.signal);
  const leave = () => stopping.abort(signal.reason);
  if (signal.aborted) {
    leave();
  }
  signal.addEventListener('abort', leave, { once: true });
  const leftMs = Math.max(startedMs + limitMs - performance.now(), 0);
  const timer = setTimeout(() => stopping.abort(createTimeoutError(limitMs)), leftMs);
  return {
    stopping,
    end: () => {
      clearTimeout(timer);
      signal.removeEventListener('abort', leave);
    },
  };
}

/** Resolves as `work` does, unless the signal aborts before; then `work` may still take a moment to stop. */
export async function untilAborted<Result>(signal: AbortSignal, work: Promise<Result>): Promise<Result> {
  let stop = () => {};
  const aborted = new Promise<never>((_resolve, reject) => {
    stop = () => reject(signal.reason);
    signal.addEventListener('abort', stop, { once: true });
  });
  try {
    return await Promise.race([work, aborted]);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}

function createTimeoutError(limitMs: number): TimeoutError {
  return new TimeoutError(`not answered within ${limitMs} ms`);
}
