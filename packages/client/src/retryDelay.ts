/** The delay before the first retry, which doubles with each further one, and the longest (ms). */
const FIRST_MS = 500;
const LONGEST_MS = 30_000;

export interface RetryDelay {
  /** The time to wait before the next try (ms): at least what the service asked for. */
  next(retryAfterMs: number | undefined): number;
  /** The service has answered: the next delay is the first one. */
  reset(): void;
}

/** Creates growing delays. The random part keeps many clients from trying at the same moment. */
export function createRetryDelay(random: () => number): RetryDelay {
  let delayMs = FIRST_MS;
  return {
    next: (retryAfterMs = 0) => {
      const ownMs = delayMs * (0.5 + random() / 2);
      delayMs = Math.min(delayMs * 2, LONGEST_MS);
      return Math.max(ownMs, retryAfterMs + random() * FIRST_MS);
    },
    reset: () => {
      delayMs = FIRST_MS;
    },
  };
}
