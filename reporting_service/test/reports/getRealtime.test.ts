import { useTestStack } from '@analytics/local-stack/testing/useTestStack';
import request from 'supertest';
import { expect, test } from 'vitest';
import { startApp } from '../startApp.ts';

const stack = useTestStack();
const { app, storeSite } = await startApp(stack, {}, () => Date.parse('2025-11-12T12:00:30.500Z'));

const get = (query: object) => request(app).get('/stats/realtime').query(query);

test('counts the last five minutes and each of the last thirty; the current minute is the last', async () => {
  const site_id = await storeSite(
    '2025-11-12T11:30:59.999Z /early ann',
    '2025-11-12T11:31:00.000Z /first ann',
    '2025-11-12T11:55:30.499Z /not-active bob',
    '2025-11-12T11:55:30.500Z /active cid',
    '2025-11-12T12:00:30.500Z /now cid',
    '2025-11-12T12:00:30.500Z /now',
    '2025-11-12T12:00:30.501Z /future dan',
  );

  const { body } = await get({ site_id });
  const full = body.minutes.filter(({ views }: { views: number }) => views > 0);

  expect(body.meta).toEqual({
    site_id,
    from: '2025-11-12T11:31:00+00:00',
    to: '2025-11-12T12:00:30+00:00',
    tz: 'UTC',
    as_of: '2025-11-12T12:00:30.500Z',
    source: 'live',
  });
  expect(body).toMatchObject({ active_users: 1, views: 3 });
  expect(body.minutes).toHaveLength(30);
  expect(full).toEqual([
    { start: '2025-11-12T11:31:00+00:00', views: 1, active_users: 1 },
    { start: '2025-11-12T11:55:00+00:00', views: 2, active_users: 2 },
    { start: '2025-11-12T12:00:00+00:00', views: 2, active_users: 1 },
  ]);
});

test('applies filters', async () => {
  const site_id = await storeSite('2025-11-12T12:00:00Z /a ann', '2025-11-12T12:00:00Z /b bob');

  expect((await get({ site_id, path: '/a' })).body).toMatchObject({ active_users: 1, views: 1 });
});

test('refuses a range, because the report is always about now', async () => {
  const response = await get({ site_id: 'a', period: 'today' });

  expect([response.status, JSON.parse(response.text).errors[0].field]).toEqual([400, 'period']);
});
