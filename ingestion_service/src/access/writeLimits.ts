import { toAddressSubject } from '@analytics/shared/limits/clientAddress';
import {
  createRateLimiter,
  type RateLimiter,
  type RateLimiterOptions,
} from '@analytics/shared/limits/rateLimiter';
import { LIMIT_WINDOW_MS, requireWithinLimit } from '@analytics/shared/limits/requireWithinLimit';
import type { Writer } from './writeAccess.ts';

/** Units per minute; 0: no limit. */
export interface WriteLimitSettings {
  EVENTS_PER_MINUTE_AND_KEY: number;
  EVENTS_PER_MINUTE_AND_SITE: number;
  REQUESTS_PER_MINUTE_AND_ADDRESS: number;
}

/** Limits writers. Each function throws a ProblemError 429 if a limit is exceeded. */
export interface WriteLimits {
  /** Counts a request of a client address. Belongs before its body is read. Undefined: there is no limit. */
  checkAddress?: (address: string | undefined) => Promise<void>;
  /** Counts events of a key and of their sites. Undefined: there is no limit. */
  checkEvents?: (writer: Writer, events: readonly { site_id: string }[]) => Promise<void>;
}

export function createWriteLimits(settings: WriteLimitSettings, options: RateLimiterOptions): WriteLimits {
  const create = (name: string, limit: number): RateLimiter | undefined =>
    limit > 0 ? createRateLimiter({ name, limit, windowMs: LIMIT_WINDOW_MS }, options) : undefined;
  const perAddress = create('requests-per-address', settings.REQUESTS_PER_MINUTE_AND_ADDRESS);
  const perKey = create('events-per-key', settings.EVENTS_PER_MINUTE_AND_KEY);
  const perSite = create('events-per-site', settings.EVENTS_PER_MINUTE_AND_SITE);
  return {
    ...(perAddress && {
      checkAddress: (address) => requireWithinLimit(perAddress, toAddressSubject(address), 1),
    }),
    ...((perKey || perSite) && {
      checkEvents: async ({ key }, events) => {
        if (key) {
          await requireWithinLimit(perKey, key.hash, events.length);
        }
        const counts = [...countBySite(events)];
        await Promise.all(counts.map(([site_id, count]) => requireWithinLimit(perSite, site_id, count)));
      },
    }),
  };
}

function countBySite(events: readonly { site_id: string }[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { site_id } of events) {
    counts.set(site_id, (counts.get(site_id) ?? 0) + 1);
  }
  return counts;
}
