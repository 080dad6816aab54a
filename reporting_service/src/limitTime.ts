import { TimeoutError } from '@analytics/shared/withTimeout';

/**
 * Makes a controller that aborts with the signal's reason, or with a TimeoutError when the time is over.
 * `end` detaches it from both.
 */
export function limitTime(
  signal: AbortSignal,
  timeoutMs: number,
): { stopping: AbortController; end: () => void } {
  const stopping = new AbortController();
  const leave = () => stopping.abort(signal.reason);
  if (signal.aborted) {
    leave();
  }
  signal.addEventListener('abort', leave, { once: true });
  const timer = setTimeout(() => stopping.abort(createTimeoutError(timeoutMs)), timeoutMs);
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

function createTimeoutError(timeoutMs: number): TimeoutError {
  return new TimeoutError(`not answered within ${timeoutMs} ms, waiting for its turn included`);
}
