import type { Bench } from '../bench.ts';
import { startNaiveReporting, startReporting } from '../contenders.ts';
import type { PartSettings } from '../options.ts';
import { atMost, compareMedians, type Report, toQuantity } from '../report.ts';
import { measureInTurns } from '../rounds.ts';
import { requireSameStats } from './sameAnswer.ts';
import { loadEvents, type ReportStores, rebuildRollups } from './stores.ts';
import { getText, timeRequests } from './timedRequests.ts';

const HOUR_MS = 3_600_000;
const CLOSED_HOURS = 17;
const REQUESTS = 20;

/**
 * A day that is not over, in the zone where its eighteenth hour is running now. That hour has a whole hour's
 * events already: no moment of the day has more to read from events.
 */
export async function measureToday(
  bench: Bench,
  stores: ReportStores,
  { rounds, reports: { dayEvents, dayUsers } }: PartSettings,
): Promise<Omit<Report, 'settings'>> {
  const nowMs = Date.now();
  const hourMs = Math.floor(nowMs / HOUR_MS) * HOUR_MS;
  const running = Math.round(dayEvents / (CLOSED_HOURS + 1));
  const source = { site_id: 'today', users: dayUsers, hasDetails: false };
  const closedHours = { startMs: hourMs - CLOSED_HOURS * HOUR_MS, endMs: hourMs, count: dayEvents - running };
  const runningHour = { startMs: hourMs, endMs: nowMs, count: running };
  for (const store of [stores.ours, stores.naive]) {
    await loadEvents(bench, store, { ...source, ...closedHours });
    await loadEvents(bench, store, { ...source, ...runningHour });
  }
  await rebuildRollups(bench, stores.ours, 'today');

  const query = `/stats?site_id=today&period=today&tz=${findZone(nowMs)}`;
  // Nothing lies outside of the day, so that the naive service, which knows no zones, is asked for all time.
  const naiveQuery = '/stats?site_id=today';
  return bench.scopes.run(async (scope) => {
    const settings = { STATS_CACHE_TTL_SECONDS: '0' };
    const service = await startReporting(bench, scope, stores.ours.uri, settings);
    const naiveService = await startNaiveReporting(bench, scope, stores.naive.uri);
    requireSameStats(
      JSON.parse(await getText(service.url + query)),
      JSON.parse(await getText(naiveService.url + naiveQuery)),
    );
    const results = await measureInTurns(bench, 'stats', rounds, {
      naive: {
        name: `naive, today, ${dayEvents.toLocaleString('en')} events so far`,
        measure: () => timeRequests(naiveService.url + naiveQuery, 1),
      },
      ours: {
        name: 'this, today, 17 of its 18 hours rolled up, no cache',
        measure: () => timeRequests(service.url + query, REQUESTS),
      },
    });
    const naive = toQuantity(results.naive, 'ms', Number);
    const ours = toQuantity(results.ours, 'ms', Number);
    return {
      quantities: [naive, ours],
      comparisons: [compareMedians('today: this / naive', ours, naive, atMost(0.15, 0.03))],
      remarks: [],
    };
  });
}

/**
 * The zone of whole hours in which the eighteenth hour of the day is running. In `Etc/GMT-5` clocks are
 * ahead.
 */
function findZone(nowMs: number): string {
  const ahead = CLOSED_HOURS - new Date(nowMs).getUTCHours();
  const offset = ahead > 14 ? ahead - 24 : ahead;
  return offset === 0 ? 'UTC' : `Etc/GMT${offset > 0 ? '-' : '%2B'}${Math.abs(offset)}`;
}
