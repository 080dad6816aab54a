import { randomUUID } from 'node:crypto';
import { useTestStack } from '@analytics/local-stack/testing/useTestStack';
import { EVENT_DIMENSIONS } from '@analytics/shared/event/dimensions';
import fc from 'fast-check';
import request from 'supertest';
import { expect, test } from 'vitest';
import {
  breakDown,
  compare,
  count,
  findIntervalStart,
  lookAtNow,
  matchStart,
  select,
} from '../../../packages/local-stack/src/testing/plainReports.ts';
import { INTERVALS } from '../../src/query/parameters.ts';
import { startApp } from '../startApp.ts';
import { arbitraryDimensions, arbitraryEvent, arbitraryQuery } from './arbitraries.ts';

const stack = useTestStack();
/** All days have passed, so that no report leaves anything out because of the time at which it is asked. */
const AFTER_ALL_MS = Date.parse('2026-02-01T00:00:00Z');
let nowMs = AFTER_ALL_MS;
const { app, storeEvents } = await startApp(stack, {}, () => nowMs);

/** Around the days on which Berlin's clocks change, and around the border of two years. */
const DAYS = ['2025-03-29', '2025-03-30', '2025-10-25', '2025-10-26', '2025-12-31', '2026-01-01'];

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

test('for random events and queries, every report equals a plain computation', {
  timeout: 120_000,
}, async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(arbitraryEvent(DAYS), { minLength: 1, maxLength: 40 }),
      fc.array(arbitraryQuery(DAYS), { minLength: 1, maxLength: 4 }),
      arbitraryDimensions([...EVENT_DIMENSIONS, 'property:plan']),
      fc.constantFrom(...INTERVALS),
      fc.constantFrom('period' as const, 'year' as const),
      fc.integer({ min: 0, max: 40 * 60_000 }),
      async (generated, queries, dimensions, interval, to_previous, sinceFirstMs) => {
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

          for (const dimension of dimensions) {
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

          if (asked.from !== undefined) {
            expect(await read('/stats/compare', { site_id, ...asked, to_previous })).toMatchObject(
              compare(events, asked, to_previous),
            );
          }

          const { tz: _tz, from: _from, to: _to, ...filters } = asked;
          nowMs = Date.parse(events[0]?.timestamp ?? '') + sinceFirstMs;
          const {
            active_users,
            views: activeViews,
            minutes,
          } = await read('/stats/realtime', { site_id, ...filters });
          expect({
            active_users,
            views: activeViews,
            minutes: minutes.map(({ start: _, ...counts }: { start: string }) => counts),
          }).toEqual(lookAtNow(events, filters, nowMs));
          nowMs = AFTER_ALL_MS;

          if (
            asked.from !== undefined &&
            (interval !== 'hour' || asked.from.slice(0, 7) === asked.to?.slice(0, 7))
          ) {
            const { series } = await read('/stats/timeseries', { site_id, ...asked, interval });
            const full = series.filter((step: { views: number }) => step.views > 0);
            const starts = selected.map(({ timestamp }) => findIntervalStart(timestamp, asked.tz, interval));
            expect(full).toEqual(
              [...new Set(starts)].sort().map((start) => ({
                start: expect.stringMatching(matchStart(start)),
                ...count(
                  selected.filter(
                    ({ timestamp }) => findIntervalStart(timestamp, asked.tz, interval) === start,
                  ),
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
