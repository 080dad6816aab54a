import { randomUUID } from 'node:crypto';
import { useTestStack } from '@analytics/local-stack/testing/useTestStack';
import { EVENT_DIMENSIONS } from '@analytics/shared/event/dimensions';
import type { EventJob } from '@analytics/shared/event/event';
import { createEventId } from '@analytics/shared/event/eventId';
import fc from 'fast-check';
import request from 'supertest';
import { expect, test } from 'vitest';
import { startRollups } from '../../../processor_service/test/rollup/startRollups.ts';
import type { Interval } from '../../../reporting_service/src/query/parameters.ts';
import {
  arbitraryDimensions,
  arbitraryEvent,
  arbitraryQuery,
  maybe,
} from '../../../reporting_service/test/reports/arbitraries.ts';
import { startApp, type TestEvent } from '../../../reporting_service/test/startApp.ts';
import {
  breakDown,
  compare,
  count,
  findIntervalStart,
  matchStart,
  type PlainQuery,
  select,
} from '../../local-stack/src/testing/plainReports.ts';

const stack = useTestStack();
const { store, refresh, passTime, now } = await startRollups(stack);
const { app } = await startApp(stack, {}, now);
const { app: cachingApp } = await startApp(stack, { STATS_CACHE_TTL_SECONDS: '5' }, now);

/** Around the days on which Berlin's clocks change, and around the borders of months and years. */
const DAYS = ['2025-03-29', '2025-03-30', '2025-03-31', '2025-04-01', '2025-12-31', '2026-01-01'];
const SITES = ['one', 'two'];

const event = fc
  .tuple(arbitraryEvent(DAYS), fc.constantFrom(...SITES))
  .map(([fields, site_id]): TestEvent => ({ ...fields, site_id }));

/** Mostly with filters that rollups can answer: none, or of one dimension. */
const query = fc
  .tuple(
    arbitraryQuery(DAYS),
    fc.constantFrom<string[]>(
      [],
      [],
      ['path', 'path_prefix'],
      ['event_type'],
      ['referrer_host'],
      ['path_prefix', 'event_type', 'referrer_host'],
    ),
  )
  .map(([{ tz, from, to, ...filters }, kept]): PlainQuery => {
    const chosen = Object.entries(filters).filter(([name]) => kept.includes(name));
    return { tz, from, to, ...Object.fromEntries(chosen) };
  });

const DIMENSIONS = [...EVENT_DIMENSIONS, 'property:plan', 'property:none'];

/** What happens, one after another. Each lets two minutes pass, so that invalidations ripen, or does not. */
const happening = fc.oneof(
  { weight: 3, arbitrary: fc.record({ store: fc.array(event, { minLength: 1, maxLength: 12 }) }) },
  { weight: 1, arbitrary: fc.record({ storeAgain: fc.nat() }) },
  { weight: 2, arbitrary: fc.constant({ refresh: true }) },
  { weight: 2, arbitrary: fc.constant({ passTime: true }) },
  {
    weight: 4,
    arbitrary: fc.record({
      ask: query,
      dimensions: arbitraryDimensions(DIMENSIONS),
      site: fc.constantFrom(...SITES),
      interval: fc.constantFrom<Interval[]>('hour', 'day', 'week', 'month'),
      to_previous: fc.constantFrom<('period' | 'year')[]>('period', 'year'),
      search: maybe(fc.constantFrom('a', '/', 'example')),
    }),
  },
);

const FIRST: TestEvent = {
  site_id: 'one',
  path: '/',
  user_id: 'ann',
  event_type: 'page_view',
  timestamp: '2025-03-30T03:00:00Z',
};
const ASK = {
  ask: { tz: 'UTC', from: '2025-03-29', to: '2025-03-31' },
  dimensions: DIMENSIONS,
  site: 'one',
  interval: 'day' as const,
  to_previous: 'period' as const,
  search: undefined,
};

type Happening = typeof happening extends fc.Arbitrary<infer Value> ? Value : never;

/** Asks what no rollup knows, when all is rolled up, and after an event came late. */
const EVERY_SOURCE: Happening[] = [
  { store: [FIRST] },
  { refresh: true },
  { ...ASK, ask: { ...ASK.ask, path: '/', event_type: 'page_view' } },
  { passTime: true },
  { refresh: true },
  ASK,
  { store: [{ ...FIRST, timestamp: '2025-03-30T01:30:00Z' }] },
  ASK,
];

async function read(route: string, parameters: object, from = app) {
  const given = Object.fromEntries(Object.entries(parameters).filter(([, value]) => value !== undefined));
  const { status, body } = await request(from).get(route).query(given);
  return status === 200 ? body : { status, body };
}

/**
 * All hours that are asked about are over, so that what was kept a moment ago must be as true as what is
 * counted now.
 */
async function checkKept(route: string, parameters: object): Promise<void> {
  const [counted, kept] = [await read(route, parameters), await read(route, parameters, cachingApp)];
  expect({ ...kept, meta: undefined }).toEqual({ ...counted, meta: undefined });
}

/** No more than 2,000 steps are answered. */
function isShort({ from, to }: PlainQuery): boolean {
  return from !== undefined && to !== undefined && Date.parse(to) - Date.parse(from) < 80 * 86_400_000;
}

interface Question {
  asked: PlainQuery;
  dimensions: string[];
  interval: Interval;
  to_previous: 'period' | 'year';
  search: string | undefined;
}

async function checkEveryRoute(
  events: TestEvent[],
  site_id: string,
  { asked, dimensions, interval, to_previous, search }: Question,
): Promise<void> {
  const selected = select(events, asked);
  const { views, unique_users } = count(selected);
  const parameters = { site_id, ...asked };

  expect(await read('/stats', parameters)).toMatchObject({
    total_views: views,
    unique_users,
    top_paths: breakDown(selected, 'path').map((row) => ({ path: row.value, views: row.views })),
  });
  await checkKept('/stats', parameters);
  for (const dimension of dimensions) {
    const rows = breakDown(selected, dimension);
    expect(await read('/stats/breakdown', { ...parameters, dimension })).toMatchObject({
      total: rows.length,
      rows,
    });
    await checkKept('/stats/breakdown', { ...parameters, dimension });
    const found = rows.filter(({ value }) => typeof value === 'string' && value.includes(search ?? ''));
    const wanted = search === undefined ? rows : found;
    const page = { dimension, search, limit: 2, offset: 1 };
    expect(await read('/stats/breakdown', { ...parameters, ...page })).toMatchObject({
      total: wanted.length,
      rows: wanted.slice(1, 3),
    });
  }
  const { series } = await read('/stats/timeseries', { ...parameters, interval });
  await checkKept('/stats/timeseries', { ...parameters, interval });
  const starts = selected.map(({ timestamp }) => findIntervalStart(timestamp, asked.tz, interval));
  expect(series.filter((step: { views: number }) => step.views > 0)).toEqual(
    [...new Set(starts)].sort().map((start) => ({
      start: expect.stringMatching(matchStart(start)),
      ...count(
        selected.filter(({ timestamp }) => findIntervalStart(timestamp, asked.tz, interval) === start),
      ),
    })),
  );
  if (asked.from !== undefined) {
    expect(await read('/stats/compare', { ...parameters, to_previous })).toMatchObject(
      compare(events, asked, to_previous),
    );
    await checkKept('/stats/compare', { ...parameters, to_previous });
  }
}

function toJob({ site_id, referrer_host, ...fields }: TestEvent, prefix: string): EventJob {
  return {
    event_type: 'page_view',
    ...fields,
    _id: createEventId(),
    site_id: prefix + site_id,
    ...(referrer_host !== undefined && { referrer: `https://${referrer_host}/` }),
  };
}

test('with random late and duplicate events and refreshes in between, every report equals a plain computation at every step', {
  timeout: 240_000,
}, async () => {
  const sources = new Set<string>();
  await fc.assert(
    fc.asyncProperty(fc.array(happening, { minLength: 8, maxLength: 30 }), async (happenings) => {
      const prefix = `${randomUUID()}-`;
      const events: TestEvent[] = [];
      const jobs: EventJob[] = [];
      for (const each of happenings) {
        if ('store' in each) {
          const stored = each.store.map((one) => toJob(one, prefix));
          await store.storeEvents(stored);
          events.push(...each.store);
          jobs.push(...stored);
        } else if ('storeAgain' in each) {
          await store.storeEvents(jobs.slice(each.storeAgain % (jobs.length + 1)).slice(0, 3));
        } else if ('refresh' in each) {
          await refresh();
        } else if ('passTime' in each) {
          await passTime();
        } else {
          const ofSite = events.filter(({ site_id }) => site_id === each.site);
          const { ask: asked, dimensions, to_previous, search, site } = each;
          const interval = each.interval === 'hour' && !isShort(asked) ? 'day' : each.interval;
          await checkEveryRoute(ofSite, prefix + site, { asked, dimensions, interval, to_previous, search });
          const { meta } = await read('/stats/timeseries', { site_id: prefix + site, ...asked, interval });
          sources.add(meta.source);
        }
      }
    }),
    { numRuns: 30, examples: [[EVERY_SOURCE]] },
  );
  // A test that never met a rollup would prove nothing.
  expect([...sources].sort()).toEqual(['live', 'mixed', 'rollup']);
});
