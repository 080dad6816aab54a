import type { EventInput } from '@analytics/shared/event/event';

const PATHS = 500;
const USERS = 10_000;
const SITES = 5;
const START_MS = Date.parse('2025-11-12T00:00:00Z');

/** Creates events of a usual size (130 bytes as JSON) within one day; the same ones in every run. */
export function createEvents(count: number): EventInput[] {
  return Array.from({ length: count }, (_, index) => ({
    site_id: `site-${scatter(index, 1, SITES)}`,
    event_type: 'page_view',
    path: `/articles/page-${scatter(index, 2, PATHS)}`,
    user_id: `user-${scatter(index, 3, USERS)}`,
    timestamp: new Date(START_MS + scatter(index, 4, 86_400) * 1000).toISOString().replace('.000Z', 'Z'),
  }));
}

/** Bodies of `POST /event`, or of `POST /events` if each has more than one event. */
export function createBodies(eventsPerRequest: number): string[] {
  const events = createEvents(5000);
  if (eventsPerRequest === 1) {
    return events.map((event) => JSON.stringify(event));
  }
  return Array.from({ length: events.length / eventsPerRequest }, (_, index) =>
    JSON.stringify({ events: events.slice(index * eventsPerRequest, (index + 1) * eventsPerRequest) }),
  );
}

/** A pseudo-random number below `limit`, derived from the index by the mixing step of MurmurHash3. */
export function scatter(index: number, salt: number, limit: number): number {
  let hash = Math.imul(index + salt * 0x9e_37_79_b9, 0x85_eb_ca_6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2_b2_ae_35);
  return ((hash ^ (hash >>> 16)) >>> 0) % limit;
}
