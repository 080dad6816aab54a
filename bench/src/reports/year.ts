import type { Bench } from '../bench.ts';
import { type Contender, startNaiveReporting, startReporting } from '../contenders.ts';
import type { PartSettings } from '../options.ts';
import {
  atLeast,
  atMost,
  type Comparison,
  type Quantity,
  type Report,
  readMedian,
  toQuantity,
} from '../report.ts';
import { measureInTurns, type Samples, type Variant } from '../rounds.ts';
import { requireSameStats } from './sameAnswer.ts';
import { loadEvents, type ReportStores, rebuildRollups } from './stores.ts';
import { getText, timeRequests } from './timedRequests.ts';

const DAY_MS = 86_400_000;
const LAST_DAY_MS = Date.parse('2025-11-11');
const REQUESTS = 5;

/** Every route, of the whole time; a comparison is of its later half with the one before. */
const ROUTES = [
  '/stats?',
  '/stats/timeseries?interval=day&',
  '/stats/timeseries?interval=week&',
  '/stats/timeseries?interval=month&',
  '/stats/breakdown?dimension=path&',
  '/stats/breakdown?dimension=event_type&',
  '/stats/breakdown?dimension=referrer_host&',
  '/stats/breakdown?dimension=property:plan&',
  '/stats/compare?',
];

/**
 * A year of one site, and one of another with the same users and twice the events. It begins and ends within
 * a month.
 */
export async function measureYear(
  bench: Bench,
  stores: ReportStores,
  { rounds, reports: { yearEvents, yearUsers, yearDays } }: PartSettings,
): Promise<Omit<Report, 'settings'>> {
  const endMs = LAST_DAY_MS + DAY_MS;
  const source = { users: yearUsers, startMs: endMs - yearDays * DAY_MS, endMs };
  const once = { ...source, site_id: 'year', count: yearEvents };
  await loadEvents(bench, stores.naive, { ...once, hasDetails: false });
  await loadEvents(bench, stores.ours, { ...once, hasDetails: true });
  await loadEvents(bench, stores.ours, {
    ...source,
    site_id: 'twice',
    count: 2 * yearEvents,
    hasDetails: true,
  });
  for (const site_id of ['year', 'twice']) {
    await rebuildRollups(bench, stores.ours, site_id);
  }
  return bench.scopes.run(async (scope) => {
    const settings = { STATS_CACHE_TTL_SECONDS: '0', STATS_TIMEOUT_SECONDS: '300' };
    const service = await startReporting(bench, scope, stores.ours.uri, settings);
    const naiveService = await startNaiveReporting(bench, scope, stores.naive.uri);
    const stats = await getText(service.url + toPath('/stats?', 'year', yearDays));
    requireSameStats(JSON.parse(stats), JSON.parse(await getText(`${naiveService.url}/stats?site_id=year`)));
    const results = await measureInTurns(bench, 'stats', rounds, {
      naive: {
        name: `naive, ${yearDays} days of ${yearEvents.toLocaleString('en')} events`,
        measure: () => timeRequests(`${naiveService.url}/stats?site_id=year`, 1),
      },
      ...describeRoutes(service, 'year', yearDays),
      ...describeRoutes(service, 'twice', yearDays),
    });
    const users = JSON.parse(stats)['unique_users'];
    return {
      ...compareYears(results),
      remarks: [
        `the year has ${Number(users).toLocaleString('en')} distinct users; the second number of a route is of twice the events`,
      ],
    };
  });
}

function describeRoutes(service: Contender, site_id: string, days: number): Record<string, Variant<number>> {
  return Object.fromEntries(
    ROUTES.map((route) => [
      `${site_id} ${route}`,
      {
        name: `${site_id}: ${route.replace(/[?&]$/, '')}`,
        measure: () => timeRequests(service.url + toPath(route, site_id, days), REQUESTS),
      },
    ]),
  );
}

function toPath(route: string, site_id: string, days: number): string {
  const length = route.includes('compare') ? Math.floor(days / 2) : days;
  const from = new Date(LAST_DAY_MS - (length - 1) * DAY_MS).toISOString().slice(0, 10);
  const to = new Date(LAST_DAY_MS).toISOString().slice(0, 10);
  return `${route}site_id=${site_id}&from=${from}&to=${to}`;
}

function compareYears(results: Record<string, Samples<number>>): {
  quantities: Quantity[];
  comparisons: Comparison[];
} {
  const quantities = Object.values(results).map((each) => toQuantity(each, 'ms', Number));
  const mediansOf = (site_id: string) =>
    quantities.filter(({ name }) => name.startsWith(`${site_id}:`)).map(readMedian);
  const sum = (values: number[]) => values.reduce((total, value) => total + value, 0);
  const slowestMs = Math.max(...mediansOf('year'));
  const [naive] = quantities;
  const naiveMs = naive ? readMedian(naive) : Number.NaN;
  return {
    quantities,
    comparisons: [
      { name: 'a year, the slowest route: ms', value: slowestMs, bound: atMost(100, 30) },
      { name: 'a year: naive / the slowest route', value: naiveMs / slowestMs, bound: atLeast(200, 200) },
      {
        name: 'a year, all routes: twice the events / once',
        value: sum(mediansOf('twice')) / sum(mediansOf('year')),
        bound: atMost(1.3, 1),
      },
    ],
  };
}
