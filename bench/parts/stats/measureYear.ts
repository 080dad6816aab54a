import type { Bench } from '../../src/bench.ts';
import type { PartSettings } from '../../src/options.ts';
import {
  atLeast,
  atMost,
  type Comparison,
  type Findings,
  mapQuantities,
  type Quantity,
} from '../../src/report.ts';
import { measureInTurns, type Variant } from '../../src/rounds.ts';
import { findMedian } from '../../src/statistics.ts';
import { getText, timeRequests, withReportServices } from './reportServices.ts';
import { loadEvents, type ReportStores, rebuildRollups } from './reportStores.ts';

const DAY_MS = 86_400_000;
const LAST_DAY_MS = Date.parse('2025-11-11');
const REQUESTS = 5;

/** Every route covers the whole period; `compare` compares its second half with its first. */
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

/** A year of one site, and of another with the same users and twice the events. It starts within a month. */
export async function measureYear(
  bench: Bench,
  stores: ReportStores,
  { rounds, yearEvents, yearUsers, yearDays }: PartSettings,
): Promise<Findings> {
  const endMs = LAST_DAY_MS + DAY_MS;
  const year = { users: yearUsers, startMs: endMs - yearDays * DAY_MS, endMs };
  const once = { ...year, site_id: 'year', count: yearEvents };
  const twice = { ...year, site_id: 'twice', count: 2 * yearEvents };
  await loadEvents(bench, stores.naive, { ...once, hasDetails: false });
  await loadEvents(bench, stores.ours, { ...once, hasDetails: true });
  await loadEvents(bench, stores.ours, { ...twice, hasDetails: true });
  await rebuildRollups(bench, stores.ours, once.site_id);
  await rebuildRollups(bench, stores.ours, twice.site_id);

  const paths = { ours: toPath('/stats?', once.site_id, yearDays), naive: `/stats?site_id=${once.site_id}` };
  return withReportServices(bench, stores, paths, async (urls) => {
    const results = await measureInTurns<string, number>(bench, 'stats', rounds, {
      naive: {
        name: `naive, ${yearDays} days of ${yearEvents.toLocaleString('en')} events`,
        measure: () => timeRequests(urls.naive + paths.naive, 1),
      },
      ...createRouteVariants(urls.ours, once.site_id, yearDays),
      ...createRouteVariants(urls.ours, twice.site_id, yearDays),
    });
    const quantities = Object.values(mapQuantities(results, 'ms', Number));
    const users = JSON.parse(await getText(urls.ours + paths.ours)).unique_users as number;
    return {
      quantities,
      comparisons: compareYears(quantities),
      remarks: [
        `the year has ${users.toLocaleString('en')} distinct users; the second number of a route is of twice the events`,
      ],
    };
  });
}

function createRouteVariants(url: string, site_id: string, days: number): Record<string, Variant<number>> {
  return Object.fromEntries(
    ROUTES.map((route) => {
      const name = `${site_id}: ${route.replace(/[?&]$/, '')}`;
      return [
        name,
        { name, measure: () => timeRequests(url + toPath(route, site_id, days), REQUESTS) },
      ] as const;
    }),
  );
}

function toPath(route: string, site_id: string, days: number): string {
  const length = route.includes('compare') ? Math.floor(days / 2) : days;
  const from = new Date(LAST_DAY_MS - (length - 1) * DAY_MS).toISOString().slice(0, 10);
  const to = new Date(LAST_DAY_MS).toISOString().slice(0, 10);
  return `${route}site_id=${site_id}&from=${from}&to=${to}`;
}

function compareYears(quantities: readonly Quantity[]): Comparison[] {
  const findMedians = (prefix: string) =>
    quantities.filter(({ name }) => name.startsWith(prefix)).map(({ samples }) => findMedian(samples));
  const findSum = (values: number[]) => values.reduce((sum, value) => sum + value, 0);
  const [naiveMs = Number.NaN] = findMedians('naive');
  const slowestMs = Math.max(...findMedians('year:'));
  return [
    { name: 'a year, the slowest route: ms', value: slowestMs, bound: atMost(100, 30) },
    { name: 'a year: naive / the slowest route', value: naiveMs / slowestMs, bound: atLeast(200, 200) },
    {
      name: 'a year, all routes: twice the events / once',
      value: findSum(findMedians('twice:')) / findSum(findMedians('year:')),
      bound: atMost(1.3, 1),
    },
  ];
}
