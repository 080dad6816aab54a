import type { EventInput } from '@analytics/shared/event/event';

const PATHS = 500;
const USERS = 10_000;
const SITES = 5;
const START_MS = Date.parse('2025-11-12T00:00:00Z');

/**
 * Makes events of a usual size (about 130 bytes as JSON): a few sites, some hundred paths, many users, one
 * day. The same every time, so that all contenders of all runs get the same.
 */
export function createEvents(count: number): EventInput[] {
  return Array.from({ length: count }, (_, index) => ({
    site_id: `site-${scatter(index, 1, SITES)}`,
    event_type: 'page_view',
    path: `/articles/page-${scatter(index, 2, PATHS)}`,
    user_id: `user-${scatter(index, 3, USERS)}`,
    timestamp: new Date(START_MS + scatter(index, 4, 86_400) * 1000).toISOString().replace('.000Z', 'Z'),
  }));
}

/**
 * A number below `limit` that looks like chance and follows from the index (the mixing step of MurmurHash3).
 */
export function scatter(index: number, salt: number, limit: number): number {
  let hash = Math.imul(index + salt * 0x9e_37_79_b9, 0x85_eb_ca_6b);
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2_b2_ae_35);
  return ((hash ^ (hash >>> 16)) >>> 0) % limit;
}
