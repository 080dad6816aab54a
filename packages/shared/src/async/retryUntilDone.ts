import { setTimeout as delay } from 'node:timers/promises';

export interface RetryOptions {
  /** Whether an error is temporary. Any other is thrown. */
  isTransient: (error: unknown) => boolean;
  /** Called after each transient error, before the wait. */
  onFailure: (error: Error) => void;
  /** Ends the retries: the last error is thrown. */
  signal: AbortSignal;
  /** The wait after the first failure (ms). It doubles with each consecutive failure. */
  minDelayMs?: number;
  /** The longest wait (ms). */
  maxDelayMs?: number;
}

/** Repeats an operation until it succeeds, with exponential backoff up to a cap. */
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
      // Half of the wait is random, so that many workers do not return at the same time.
      const waitMs = Math.min(minDelayMs * 2 ** failures, maxDelayMs) * (0.5 + Math.random() / 2);
      await delay(waitMs, undefined, { signal }).catch(() => undefined);
    }
  }
}
