import { useTestStack } from '@analytics/local-stack/testing/useTestStack';
import type { EventJob } from '@analytics/shared/event/event';
import { createEventId } from '@analytics/shared/event/eventId';
import request from 'supertest';
import { expect, test } from 'vitest';
import { verify } from '../../../processor_service/src/rollup/verify.ts';
import { startRollups } from '../../../processor_service/test/rollup/startRollups.ts';
import { startApp } from '../../../reporting_service/test/startApp.ts';

// MongoDB puts no more than 16 MiB into a document, and closes the connection over an answer that would be
// larger.
const USERS = 70_000;
const NAME_LENGTH = 256;
const HOUR_MS = 3_600_000;

const stack = useTestStack();
const NOON_MS = Date.parse('2025-11-12T12:00:00Z');
const nowMs = NOON_MS + HOUR_MS / 2;
const { app } = await startApp(stack, {}, () => nowMs);
const { store, rollups, refresh, passTime } = await startRollups(stack);

/** One view of one path by each user, all within half an hour. */
function createViews(startMs: number, firstUser: number): EventJob[] {
  return Array.from({ length: USERS }, (_, index) => ({
    _id: createEventId(),
    site_id: 'large',
    event_type: 'page_view',
    path: '/',
    user_id: `user-${firstUser + index}-`.padEnd(NAME_LENGTH, 'x'),
    timestamp: new Date(startMs + index * 25).toISOString(),
  }));
}

test('a path with more users than fit into a document has a rollup, and is read from events', async () => {
  const half = USERS / 2;
  for (const events of [createViews(NOON_MS - HOUR_MS, 0), createViews(NOON_MS, half)]) {
    for (let start = 0; start < USERS; start += 10_000) {
      await store.storeEvents(events.slice(start, start + 10_000));
    }
  }
  // The first hour is rolled up; then events come in the second one, whose invalidations rest.
  await passTime();
  await refresh();
  await rollups.invalidations.invalidateHours([{ site_id: 'large', granularity: 'hour', startMs: NOON_MS }]);

  const get = async (path: string, query: object) =>
    (
      await request(app)
        .get(path)
        .query({ site_id: 'large', date: '2025-11-12', ...query })
    ).body;
  const users = USERS + half;
  expect(await get('/stats', {})).toMatchObject({ total_views: 2 * USERS, unique_users: users });
  const breakdown = await get('/stats/breakdown', { dimension: 'path' });
  expect(breakdown.meta.source).toBe('mixed');
  expect(breakdown.rows).toEqual([{ value: '/', views: 2 * USERS, unique_users: users, share: 1 }]);
  const { series } = await get('/stats/timeseries', { interval: 'day' });
  expect(series).toMatchObject([{ views: 2 * USERS, unique_users: users }]);
  const { body } = await request(app).get('/stats/realtime').query({ site_id: 'large' });
  const lastMinutes = body.minutes.reduce((sum: number, { views }: { views: number }) => sum + views, 0);
  expect(lastMinutes).toBeGreaterThan(USERS * 0.9);

  const span = { site_id: 'large', startMs: NOON_MS - HOUR_MS, endMs: NOON_MS };
  expect(await verify(rollups, span, () => {})).toMatchObject({ differences: [] });
}, 120_000);
