import { createAddressReader, toAddressSubject } from '@analytics/shared/limits/clientAddress';
import { createRateLimiter, type RateLimiter } from '@analytics/shared/limits/rateLimiter';
import { LIMIT_WINDOW_MS, requireWithinLimit } from '@analytics/shared/limits/requireWithinLimit';
import type { Request } from 'express';

/** Reports per minute; 0: no limit. */
export interface ReadLimitSettings {
  REPORTS_PER_MINUTE_AND_KEY: number;
  REPORTS_PER_MINUTE_AND_ADDRESS: number;
  TRUST_PROXY: number | string[];
}

/**
 * Counts a report of a client address, or of its key's hash. Undefined if there is no limit.
 *
 * @throws ProblemError 429 if the limit is exceeded.
 */
export type CheckReadLimit =
  | ((request: Pick<Request, 'ip' | 'socket'>, keyHash?: string) => Promise<void> | undefined)
  | undefined;

/** The limits of one process, because the reporting service needs no Redis. */
export function createReadLimit(settings: ReadLimitSettings, now: () => number): CheckReadLimit {
  const create = (name: string, limit: number): RateLimiter | undefined =>
    limit > 0
      ? createRateLimiter(
          { name, limit, windowMs: LIMIT_WINDOW_MS },
          { prefix: '', onFailure: () => undefined, now },
        )
      : undefined;
  const perKey = create('reports-per-key', settings.REPORTS_PER_MINUTE_AND_KEY);
  const perAddress = create('reports-per-address', settings.REPORTS_PER_MINUTE_AND_ADDRESS);
  if (!perKey && !perAddress) {
    return undefined;
  }
  const readAddress = createAddressReader(settings.TRUST_PROXY);
  return (request, keyHash) =>
    keyHash === undefined
      ? requireWithinLimit(perAddress, toAddressSubject(readAddress(request)), 1)
      : requireWithinLimit(perKey, keyHash, 1);
}
