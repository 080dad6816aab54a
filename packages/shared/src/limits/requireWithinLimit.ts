import { ProblemError } from '../http/problem.ts';
import type { LimitRefusal, RateLimiter } from './rateLimiter.ts';

/** The window of all limits (ms). */
export const LIMIT_WINDOW_MS = 60_000;

/**
 * Takes units of a limit. Returns a promise only if the process must ask Redis.
 *
 * @throws ProblemError 429 that says how long to wait; a promise rejects with it.
 */
export function requireWithinLimit(
  limiter: RateLimiter | undefined,
  subject: string,
  units: number,
): Promise<void> | undefined {
  const refusal = limiter?.take(subject, units);
  if (limiter === undefined || refusal === undefined) {
    return undefined;
  }
  if (refusal instanceof Promise) {
    return refusal.then((later) => {
      if (later) {
        throw createLimitError(limiter, later);
      }
    });
  }
  throw createLimitError(limiter, refusal);
}

/** The headers follow draft-ietf-httpapi-ratelimit-headers-10. */
function createLimitError({ policy }: RateLimiter, { remaining, resetMs }: LimitRefusal): ProblemError {
  const { name, limit, windowMs } = policy;
  const resetSeconds = Math.ceil(resetMs / 1000);
  const detail = `Too many requests: the limit ${name} is ${limit} in ${windowMs / 1000} seconds. Try again in ${resetSeconds} s.`;
  return new ProblemError(429, detail, {
    headers: {
      'Retry-After': String(resetSeconds),
      'RateLimit-Policy': `"${name}";q=${limit};w=${windowMs / 1000}`,
      RateLimit: `"${name}";r=${remaining};t=${resetSeconds}`,
    },
  });
}
