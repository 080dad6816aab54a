import { randomUUID } from 'node:crypto';
import { useTestStack } from '@analytics/local-stack/testing/useTestStack';
import { INTERVALS } from '@analytics/shared/stats';
import fc from 'fast-check';
import request from 'supertest';
import { expect, test } from 'vitest';
import { breakDown, count, findStepStart, type PlainQuery, select } from './plainReports.ts';
import { startApp, type TestEvent } from './startApp.ts';

const stack = useTestStack();
const { app, storeEvents } = await startApp(stack);

/** Around the days on which Berlin's clocks change, and around the border of two years. */
const DAYS = ['2025-03-29', '2025-03-30', '2025-10-25', '2025-10-26', '2025-12-31', '2026-01-01'];
const TIMES = [
  '00:00:00',
  '00:59:59.999',
  '01:30:00',
  '03:00:00',
  '18:29:59.999',
  '18:30:00',
  '23:59:59.999',
];
const ZONES = ['UTC', 'Europe/Berlin', 'Asia/Kolkata', 'America/St_Johns', 'Pacific/Auckland'];
const PATHS = ['/', '/a', '/a/b', '/a.b', '/ä', '/🎈', '/豈'];
const HOSTS = ['example.com', 'news.example.org'];

const maybe = <Value>(arbitrary: fc.Arbitrary<Value>) => fc.option(arbitrary, { nil: undefined });

const event: fc.Arbitrary<TestEvent> = fc
  .record({
    day: fc.constantFrom(...DAYS),
    time: fc.constantFrom(...TIMES),
    path: fc.constantFrom(...PATHS),
    user_id: fc.constantFrom(null, 'ann', 'bob', 'Ann'),
    event_type: fc.constantFrom('page_view', 'click'),
    referrer_host: maybe(fc.constantFrom(...HOSTS)),
    plan: maybe(fc.constantFrom('free', 'pro', 1, 2, true, false)),
  })
  .map(({ day, time, referrer_host, plan, ...fields }) => ({
    ...fields,
    site_id: '',
    timestamp: `${day}T${time}Z`,
    ...(referrer_host !== undefined && { referrer_host }),
    ...(plan !== undefined && { properties: { plan } }),
  }));

const query = fc
  .record({
    tz: fc.constantFrom(...ZONES),
    days: maybe(fc.tuple(fc.constantFrom(...DAYS), fc.constantFrom(...DAYS))),
    path: maybe(fc.constantFrom(...PATHS)),
    path_prefix: maybe(fc.constantFrom('/', '/a', '/a.', '/x')),
    event_type: maybe(fc.constantFrom('page_view', 'click')),
    referrer_host: maybe(fc.constantFrom(...HOSTS)),
  })
  .map(({ days, ...rest }): PlainQuery => {
    const [from, to] = days?.toSorted() ?? [];
    return { ...rest, from, to };
  });

async function get(route: string, parameters: object) {
  const given = Object.fromEntries(Object.entries(parameters).filter(([, value]) => value !== undefined));
  const { status, body } = await request(app).get(route).query(given);
  return { status, body };
}

/** What a report says, or its whole answer if it says nothing. */
const read = async (route: string, parameters: object) => {
  const { status, body } = await get(route, parameters);
  return status === 200 ? body : { status, body };
};

test('whatever is stored and asked, every report equals a plain computation', {
  timeout: 120_000,
}, async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(event, { minLength: 1, maxLength: 40 }),
      fc.array(query, { minLength: 1, maxLength: 4 }),
      fc.constantFrom(...INTERVALS),
      async (generated, queries, interval) => {
        const site_id = randomUUID();
        const events = generated.map((each) => ({ ...each, site_id }));
        await storeEvents(events);
        for (const asked of queries) {
          const selected = select(events, asked);
          const { views, unique_users } = count(selected);

          const stats = await read('/stats', { site_id, ...asked });
          expect(stats).toMatchObject({ total_views: views, unique_users });
          expect(stats.top_paths).toEqual(
            breakDown(selected, 'path').map((row) => ({ path: row.value, views: row.views })),
          );

          for (const dimension of ['path', 'event_type', 'referrer_host', 'property:plan']) {
            const rows = breakDown(selected, dimension);
            expect(await read('/stats/breakdown', { site_id, ...asked, dimension })).toMatchObject({
              dimension,
              total: rows.length,
              rows,
            });
            expect(
              (await read('/stats/breakdown', { site_id, ...asked, dimension, limit: 2, offset: 1 })).rows,
            ).toEqual(rows.slice(1, 3));
          }

          if (asked.from !== undefined && interval !== 'hour') {
            const { series } = await read('/stats/timeseries', { site_id, ...asked, interval });
            const full = series.filter((step: { views: number }) => step.views > 0);
            const starts = selected.map(({ timestamp }) => findStepStart(timestamp, asked.tz, interval));
            expect(full).toEqual(
              [...new Set(starts)].sort().map((start) => ({
                start: expect.stringMatching(`^${start}T`),
                ...count(
                  selected.filter(({ timestamp }) => findStepStart(timestamp, asked.tz, interval) === start),
                ),
              })),
            );
          }
        }
      },
    ),
    { numRuns: 40 },
  );
});
