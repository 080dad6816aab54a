import { setTimeout as delay } from 'node:timers/promises';

export interface RetryOptions {
  /** Whether an error will pass by itself. Any other is thrown on. */
  isTransient: (error: unknown) => boolean;
  /** Told of each passing error and of the wait that follows. */
  onFailure: (error: Error) => void;
  /** Ends the waiting: the last error is thrown on. */
  signal: AbortSignal;
  /** The wait after the first failure, in milliseconds; it doubles with each failure in a row. */
  minDelayMs?: number;
  /** The longest wait, in milliseconds. */
  maxDelayMs?: number;
}

/** Repeats an operation until it succeeds, waiting longer after each passing failure, up to a cap. */
export async function retryUntilDone<Result>(
  operation: () => Promise<Result>,
  { isTransient, onFailure, signal, minDelayMs = 100, maxDelayMs = 2000 }: RetryOptions,
): Promise<Result> {
  for (let failures = 0; ; failures += 1) {
    try {
      return await operation();
    } catch (error) {
      if (!isTransient(error) || signal.aborted) {
        throw error;
      }
      onFailure(error as Error);
      // Half of the wait is drawn by chance, so that many workers don't come back at the same moment.
      const waitMs = Math.min(minDelayMs * 2 ** failures, maxDelayMs) * (0.5 + Math.random() / 2);
      await delay(waitMs, undefined, { signal }).catch(() => undefined);
    }
  }
}
