import type { KeyedEvent } from './ledger.ts';

const SITES = ['shop', 'blog', 'docs'];
const DAYS = ['2025-11-10', '2025-11-11', '2025-11-12', '2025-11-13'];
/** More than the ten that `/stats` names, some of them with equally many views. */
const PATH_COUNT = 14;
const USER_COUNT = 97;
const STEP_MS = 17;
const DAY_MS = 86_400_000;
const TWO_HOURS_MS = 7_200_000;

/**
 * Makes events over several sites, days, paths and users, every fourth anonymous. No two have the same
 * timestamp, so that a stored copy is known for one whatever its `_id`.
 */
export function createEventSource(): () => KeyedEvent {
  let index = -1;
  return () => {
    index += 1;
    const timeMs = Date.parse(`${DAYS[0]}T00:00:00Z`) + (index % DAYS.length) * DAY_MS + index * STEP_MS;
    return {
      site_id: SITES[index % SITES.length] as string,
      event_id: `event-${index}`,
      event_type: index % 5 === 0 ? 'signup' : 'page_view',
      path: `/page-${(index * index) % PATH_COUNT}`,
      ...(index % 4 !== 0 && { user_id: `user-${(index * 31) % USER_COUNT}` }),
      timestamp: writeTime(timeMs, index % 3 === 0),
    };
  };
}

/** The same moment in UTC, or as a clock two hours east of it shows it. */
function writeTime(timeMs: number, isEastern: boolean): string {
  return isEastern
    ? new Date(timeMs + TWO_HOURS_MS).toISOString().replace('Z', '+02:00')
    : new Date(timeMs).toISOString();
}
