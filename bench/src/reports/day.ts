import { ROLLUP_COLLECTIONS } from '@analytics/rollups/documents';
import type { Bench } from '../bench.ts';
import { startBare, startNaiveReporting, startReporting } from '../contenders.ts';
import { createHttpVariant, readRate, remarkTrouble } from '../httpLoad.ts';
import type { PartSettings } from '../options.ts';
import {
  atLeast,
  atMost,
  compareMedians,
  mapQuantities,
  type Report,
  readMedian,
  toQuantity,
} from '../report.ts';
import { measureInTurns } from '../rounds.ts';
import { measureRollUp } from './rollUp.ts';
import { requireSameStats } from './sameAnswer.ts';
import { dropRollups, loadEvents, type ReportStores, readDiskBytes } from './stores.ts';
import { getText, timeRequests } from './timedRequests.ts';

const DAY = '2025-11-12';
const DAY_MS = 86_400_000;
const QUERY = `/stats?site_id=day&date=${DAY}`;
const FAST_REQUESTS = 50;

type Finding = Omit<Report, 'settings'>;

/**
 * One day that is over: read from events, rolled up, read from rollups and from the cache; and what it takes
 * on disk.
 */
export async function measureDay(
  bench: Bench,
  stores: ReportStores,
  settings: PartSettings,
): Promise<Finding> {
  const { dayEvents, dayUsers } = settings.reports;
  const startMs = Date.parse(DAY);
  const source = { site_id: 'day', count: dayEvents, users: dayUsers, hasDetails: false };
  await dropRollups(stores.ours);
  for (const store of [stores.ours, stores.naive]) {
    await loadEvents(bench, store, { ...source, startMs, endMs: startMs + DAY_MS });
  }
  const live = await measureAnswers(bench, stores, settings.rounds, 1);
  const refresh = await measureInTurns(bench, 'stats', settings.rounds, {
    ours: { name: 'rolling up the day', measure: (scope) => measureRollUp(bench, scope, stores.ours) },
  });
  const rolledUp = await measureAnswers(bench, stores, settings.rounds, FAST_REQUESTS);
  const cached = await measureCached(bench, stores, settings);
  const bytes = [
    await readDiskBytes(stores.ours, ['events', ...Object.values(ROLLUP_COLLECTIONS)]),
    await readDiskBytes(stores.naive, ['events']),
  ].map((each) => each / dayEvents);
  const [ourBytes = Number.NaN, naiveBytes = Number.NaN] = bytes;

  const count = dayEvents.toLocaleString('en');
  const naiveMs = { ...toQuantity(live.naive, 'ms', Number), name: `naive, a day of ${count} events` };
  const liveMs = { ...toQuantity(live.ours, 'ms', Number), name: 'this, all from events' };
  const naiveAgainMs = { ...toQuantity(rolledUp.naive, 'ms', Number), name: 'naive, the same again' };
  const closedMs = { ...toQuantity(rolledUp.ours, 'ms', Number), name: 'this, rolled up, no cache' };
  const rollUpSeconds = toQuantity(refresh.ours, 's', ({ seconds }) => seconds);
  const rollUpMs = { ...rollUpSeconds, samples: rollUpSeconds.samples.map((seconds) => seconds * 1000) };
  const memory = toQuantity(refresh.ours, 'MB at most', ({ peakMb }) => peakMb);
  const rates = mapQuantities(cached, 'requests/s', readRate);
  return {
    quantities: [
      naiveMs,
      liveMs,
      rollUpSeconds,
      memory,
      naiveAgainMs,
      closedMs,
      ...Object.values(rates),
      { name: 'naive, data and indexes', measure: 'bytes/event', samples: [naiveBytes] },
      { name: 'this, data, indexes and rollups', measure: 'bytes/event', samples: [ourBytes] },
    ],
    comparisons: [
      compareMedians('a day from events: this / naive', liveMs, naiveMs, atMost(0.5, 0.3)),
      { name: 'a closed day: ms', value: readMedian(closedMs), bound: atMost(6, 3) },
      compareMedians('a closed day: naive / this', naiveAgainMs, closedMs, atLeast(300, 300)),
      compareMedians('cached: this / bare', rates.ours, rates.bare, atLeast(0.25, 0.5)),
      compareMedians('rolling up the day / one naive answer', rollUpMs, naiveMs, atMost(4, 1)),
      { name: 'rolling up: MB', value: Math.max(...memory.samples), bound: atMost(300, 300) },
      { name: 'disk: this / naive', value: ourBytes / naiveBytes, bound: atMost(1.4, 1) },
    ],
    remarks: remarkTrouble(Object.values(cached)),
  };
}

/** Both answer the same question in turns; whether they answer alike is looked at, too. */
function measureAnswers(bench: Bench, { ours, naive }: ReportStores, rounds: number, requests: number) {
  return bench.scopes.run(async (scope) => {
    const settings = { STATS_CACHE_TTL_SECONDS: '0' };
    const service = await startReporting(bench, scope, ours.uri, settings);
    const naiveService = await startNaiveReporting(bench, scope, naive.uri);
    requireSameStats(
      JSON.parse(await getText(service.url + QUERY)),
      JSON.parse(await getText(naiveService.url + QUERY)),
    );
    return measureInTurns(bench, 'stats', rounds, {
      ours: {
        name: 'a day',
        measure: () => timeRequests(service.url + QUERY, requests),
      },
      naive: {
        name: 'a day, naive',
        measure: () => timeRequests(naiveService.url + QUERY, 1),
      },
    });
  });
}

/** The same answer again and again, from 64 connections. */
async function measureCached(
  bench: Bench,
  { ours }: ReportStores,
  { rounds, warmUpSeconds, seconds }: PartSettings,
) {
  const report = await bench.scopes.run(async (scope) =>
    getText((await startReporting(bench, scope, ours.uri)).url + QUERY),
  );
  const load = { path: QUERY, warmUpSeconds, seconds };
  return measureInTurns(bench, 'stats', rounds, {
    bare: createHttpVariant(bench, {
      ...load,
      name: 'bare node:http, the same answer',
      start: (scope) => startBare(bench, scope, report),
    }),
    ours: createHttpVariant(bench, {
      ...load,
      name: 'this, cached, 64 connections',
      start: (scope) => startReporting(bench, scope, ours.uri),
    }),
  });
}
