import type { Bench } from '../../src/bench.ts';
import type { PartSettings } from '../../src/options.ts';
import { atMost, compareMedians, type Findings, mapQuantities } from '../../src/report.ts';
import { measureInTurns } from '../../src/rounds.ts';
import { timeRequests, withReportServices } from './reportServices.ts';
import { loadEvents, type ReportStores, rebuildRollups } from './reportStores.ts';

const HOUR_MS = 3_600_000;
const CLOSED_HOURS = 17;
const REQUESTS = 20;

/**
 * The current day, in the time zone where its eighteenth hour is running. The running hour already has the
 * events of a whole hour: the most that a report of today has to read from events.
 */
export async function measureToday(
  bench: Bench,
  stores: ReportStores,
  { rounds, dayEvents, dayUsers }: PartSettings,
): Promise<Findings> {
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

  const paths = {
    ours: `/stats?site_id=today&period=today&tz=${findTimeZone(nowMs)}`,
    // The naive service has no time zones. All events are of today, so a report of all time is the same.
    naive: '/stats?site_id=today',
  };
  const results = await withReportServices(bench, stores, paths, (urls) =>
    measureInTurns(bench, 'stats', rounds, {
      naive: {
        name: `naive, today, ${dayEvents.toLocaleString('en')} events so far`,
        measure: () => timeRequests(urls.naive + paths.naive, 1),
      },
      ours: {
        name: 'this, today, 17 of its 18 hours rolled up, no cache',
        measure: () => timeRequests(urls.ours + paths.ours, REQUESTS),
      },
    }),
  );
  const { naive, ours } = mapQuantities(results, 'ms', Number);
  return {
    quantities: [naive, ours],
    comparisons: [compareMedians('today: this / naive', ours, naive, atMost(0.15, 0.03))],
    remarks: [],
  };
}

/** The whole-hour zone in which the eighteenth hour of the day is running. `Etc/GMT-5` is ahead of UTC. */
function findTimeZone(nowMs: number): string {
  const ahead = CLOSED_HOURS - new Date(nowMs).getUTCHours();
  const offset = ahead > 14 ? ahead - 24 : ahead;
  return offset === 0 ? 'UTC' : `Etc/GMT${offset > 0 ? '-' : '%2B'}${Math.abs(offset)}`;
}
