import { setTimeout as delay } from 'node:timers/promises';
import type { Bench } from '../../src/bench.ts';
import { type Contender, startContender } from '../../src/contenders.ts';
import { createHttpVariant, readRate, remarkTrouble } from '../../src/loadGenerator.ts';
import type { PartSettings } from '../../src/options.ts';
import { readResidentMb } from '../../src/readResidentMb.ts';
import {
  atLeast,
  atMost,
  compareMedians,
  type Findings,
  mapQuantities,
  toQuantity,
} from '../../src/report.ts';
import { measureInTurns } from '../../src/rounds.ts';
import type { Scope } from '../../src/scopes.ts';
import { startRedis } from '../../src/servers.ts';
import { findMedian } from '../../src/statistics.ts';
import { getText, timeRequests, withReportServices } from './reportServices.ts';
import {
  areRollupsComplete,
  dropRollups,
  loadEvents,
  type ReportStores,
  readDiskBytes,
  type Store,
} from './reportStores.ts';

const DAY = '2025-11-12';
const DAY_MS = 86_400_000;
const QUERY = `/stats?site_id=day&date=${DAY}`;
const ROLLUP_REQUESTS = 50;
const MEMORY_INTERVAL_MS = 20;

/** A closed day: from events, from rollups and from the cache; building its rollups; its size on disk. */
export async function measureDay(
  bench: Bench,
  stores: ReportStores,
  settings: PartSettings,
): Promise<Findings> {
  const { dayEvents, dayUsers } = settings;
  const startMs = Date.parse(DAY);
  const source = { site_id: 'day', count: dayEvents, users: dayUsers, hasDetails: false };
  await dropRollups(stores.ours);
  for (const store of [stores.ours, stores.naive]) {
    await loadEvents(bench, store, { ...source, startMs, endMs: startMs + DAY_MS });
  }
  const count = dayEvents.toLocaleString('en');
  const live = await measureAnswers(bench, stores, settings.rounds, {
    ours: { name: 'this, all from events', requests: 1 },
    naive: { name: `naive, a day of ${count} events`, requests: 1 },
  });
  const { rollup } = await measureInTurns(bench, 'stats', settings.rounds, {
    rollup: { name: 'rolling up the day', measure: (scope) => buildRollups(bench, scope, stores.ours) },
  });
  const rolledUp = await measureAnswers(bench, stores, settings.rounds, {
    ours: { name: 'this, rolled up, no cache', requests: ROLLUP_REQUESTS },
    naive: { name: 'naive, the same again', requests: 1 },
  });
  const cached = await measureCached(bench, stores, settings);
  const ourBytes = (await readDiskBytes(stores.ours)) / dayEvents;
  const naiveBytes = (await readDiskBytes(stores.naive)) / dayEvents;

  const seconds = toQuantity(rollup, 's', (run) => run.seconds);
  const rollupMs = toQuantity(rollup, 'ms', (run) => run.seconds * 1000);
  const memory = toQuantity(rollup, 'MB at most', ({ peakMb }) => peakMb);
  const rates = mapQuantities(cached, 'requests/s', readRate);
  const closedMs = findMedian(rolledUp.ours.samples);
  return {
    quantities: [
      ...[live.naive, live.ours, seconds, memory, rolledUp.naive, rolledUp.ours],
      ...Object.values(rates),
      { name: 'naive, data and indexes', unit: 'bytes/event', samples: [naiveBytes] },
      { name: 'this, data, indexes and rollups', unit: 'bytes/event', samples: [ourBytes] },
    ],
    comparisons: [
      compareMedians('a day from events: this / naive', live.ours, live.naive, atMost(0.5, 0.3)),
      { name: 'a closed day: ms', value: closedMs, bound: atMost(6, 3) },
      compareMedians('a closed day: naive / this', rolledUp.naive, rolledUp.ours, atLeast(300, 300)),
      compareMedians('cached: this / bare', rates.ours, rates.bare, atLeast(0.25, 0.5)),
      compareMedians('rolling up the day / one naive answer', rollupMs, live.naive, atMost(4, 1)),
      { name: 'rolling up: MB', value: Math.max(...memory.samples), bound: atMost(300, 300) },
      { name: 'disk: this / naive', value: ourBytes / naiveBytes, bound: atMost(1.4, 1) },
    ],
    remarks: remarkTrouble(Object.values(cached)),
  };
}

/** The time of the day's report, in milliseconds. */
async function measureAnswers(
  bench: Bench,
  stores: ReportStores,
  rounds: number,
  variants: Record<'ours' | 'naive', { name: string; requests: number }>,
) {
  const results = await withReportServices(bench, stores, { ours: QUERY, naive: QUERY }, (urls) => {
    const variant = (key: 'ours' | 'naive') => ({
      name: variants[key].name,
      measure: () => timeRequests(urls[key] + QUERY, variants[key].requests),
    });
    return measureInTurns(bench, 'stats', rounds, { ours: variant('ours'), naive: variant('naive') });
  });
  return mapQuantities(results, 'ms', Number);
}

/** A worker builds all rollups from nothing: from its start until all are complete, and its peak memory. */
async function buildRollups(bench: Bench, scope: Scope, store: Store) {
  await dropRollups(store);
  // An empty Redis: a schedule left by another worker would delay the first refresh.
  const redis = await startRedis(bench, scope);
  const worker = await startContender(bench, scope, 'worker', { ...redis, ...store.settings });
  const startMs = performance.now();
  let peakMb = 0;
  while (!(await areRollupsComplete(store))) {
    peakMb = Math.max(peakMb, await readResidentMb(worker.pid));
    await delay(MEMORY_INTERVAL_MS);
  }
  return { seconds: (performance.now() - startMs) / 1000, peakMb };
}

/** The same report under full load. */
async function measureCached(bench: Bench, { ours }: ReportStores, settings: PartSettings) {
  const startOurs = (scope: Scope) => startContender(bench, scope, 'reporting', ours.settings);
  const report = await bench.scopes.run(async (scope) => getText((await startOurs(scope)).url + QUERY));
  const startBare = (scope: Scope) => startContender(bench, scope, 'bare', { REPORT: report });
  const variant = (name: string, start: (scope: Scope) => Promise<Contender>) =>
    createHttpVariant(bench, settings, { name, path: QUERY, eventsPerRequest: 0, start });
  return measureInTurns(bench, 'stats', settings.rounds, {
    bare: variant('bare node:http, the same answer', startBare),
    ours: variant('this, cached, 64 connections', startOurs),
  });
}
