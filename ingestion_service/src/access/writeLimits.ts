import { createAddressReader, toAddressSubject } from '@analytics/shared/limits/clientAddress';
import {
  createRateLimiter,
  type RateLimiter,
  type RateLimiterOptions,
} from '@analytics/shared/limits/rateLimiter';
import { LIMIT_WINDOW_MS, requireWithinLimit } from '@analytics/shared/limits/requireWithinLimit';
import type { Request } from 'express';
import type { Writer } from './writeAccess.ts';

/** Units per minute; 0: no limit. */
export interface WriteLimitSettings {
  EVENTS_PER_MINUTE_AND_KEY: number;
  EVENTS_PER_MINUTE_AND_SITE: number;
  REQUESTS_PER_MINUTE_AND_ADDRESS: number;
  TRUST_PROXY: number | string[];
}

/**
 * Limits writers. Each function throws a ProblemError 429 if a limit is exceeded. It returns a promise, which
 * rejects with it, only if the process must ask Redis.
 */
export interface WriteLimits {
  /** Counts a request of a client address. Belongs before its body is read. */
  checkAddress(request: Pick<Request, 'ip' | 'socket'>): Promise<void> | undefined;
  /** Counts events of a key and of their sites. */
  checkEvents(writer: Writer, events: readonly { site_id: string }[]): Promise<void> | undefined;
}

export function createWriteLimits(settings: WriteLimitSettings, options: RateLimiterOptions): WriteLimits {
  const create = (name: string, limit: number, hashSubjects = false): RateLimiter | undefined =>
    limit > 0
      ? createRateLimiter({ name, limit, windowMs: LIMIT_WINDOW_MS, hashSubjects }, options)
      : undefined;
  const perAddress = create('requests-per-address', settings.REQUESTS_PER_MINUTE_AND_ADDRESS, true);
  const perKey = create('events-per-key', settings.EVENTS_PER_MINUTE_AND_KEY);
  const perSite = create('events-per-site', settings.EVENTS_PER_MINUTE_AND_SITE);
  const readAddress = createAddressReader(settings.TRUST_PROXY);

  function checkSites(events: readonly { site_id: string }[]): Promise<void> | undefined {
    const [first] = events;
    if (perSite === undefined || first === undefined) {
      return undefined;
    }
    return events.length === 1
      ? requireWithinLimit(perSite, first.site_id, 1)
      : checkSiteCounts(perSite, countBySite(events));
  }

  return {
    checkAddress: (request) =>
      perAddress && requireWithinLimit(perAddress, toAddressSubject(readAddress(request)), 1),
    checkEvents: ({ key }, events) => {
      const asking = key && requireWithinLimit(perKey, key.hash, events.length);
      return asking === undefined ? checkSites(events) : asking.then(() => checkSites(events));
    },
  };
}

/** Async, so that a refusal of one site does not leave the promise of another without a handler. */
async function checkSiteCounts(perSite: RateLimiter, counts: Map<string, number>): Promise<void> {
  await Promise.all([...counts].map(async ([site_id, count]) => requireWithinLimit(perSite, site_id, count)));
}

function countBySite(events: readonly { site_id: string }[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { site_id } of events) {
    counts.set(site_id, (counts.get(site_id) ?? 0) + 1);
  }
  return counts;
}
