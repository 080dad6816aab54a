import { ProblemError } from '../http/problem.ts';
import type { RateLimiter, RateLimitResult } from './rateLimiter.ts';

/** The window of all limits (ms). */
export const LIMIT_WINDOW_MS = 60_000;

/** Takes units of a limit. @throws ProblemError 429 that says how long to wait. */
export async function requireWithinLimit(
  limiter: RateLimiter | undefined,
  subject: string,
  units: number,
): Promise<void> {
  if (limiter) {
    const taken = limiter.take(subject, units);
    const result = taken instanceof Promise ? await taken : taken;
    if (!result.isAllowed) {
      throw createLimitError(limiter, result);
    }
  }
}

/** The headers follow draft-ietf-httpapi-ratelimit-headers-10. */
function createLimitError({ policy }: RateLimiter, { remaining, resetMs }: RateLimitResult): ProblemError {
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
