import { useTestStack } from '@analytics/local-stack/testing/useTestStack';
import request from 'supertest';
import { expect, test } from 'vitest';
import { startApp } from '../startApp.ts';

const stack = useTestStack();
let now = '2026-01-01T00:00:00Z';
const { app, storeSite } = await startApp(stack, {}, () => Date.parse(now));

const get = (query: object) => request(app).get('/stats/compare').query(query);

test('a range is compared with as many days before it, and with the same days of the year before', async () => {
  const site_id = await storeSite(
    '2025-11-12T10:00:00Z / ann',
    '2025-11-12T11:00:00Z / bob',
    '2025-11-13T10:00:00Z /',
    '2025-11-11T10:00:00Z / ann',
    '2025-11-10T10:00:00Z / ann',
    '2024-11-13T10:00:00Z /',
  );
  const query = { site_id, from: '2025-11-12', to: '2025-11-13' };

  expect((await get(query)).body).toEqual({
    meta: {
      site_id,
      from: '2025-11-12T00:00:00+00:00',
      to: '2025-11-14T00:00:00+00:00',
      tz: 'UTC',
      as_of: expect.any(String),
      source: 'live',
      previous: { from: '2025-11-10T00:00:00+00:00', to: '2025-11-12T00:00:00+00:00' },
    },
    current: { total_views: 3, unique_users: 2 },
    previous: { total_views: 2, unique_users: 1 },
    change: { total_views: 0.5, unique_users: 1 },
  });
  expect((await get({ ...query, to_previous: 'year' })).body).toMatchObject({
    previous: { total_views: 1, unique_users: 0 },
    change: { total_views: 2, unique_users: null },
  });
});

test('today is compared with yesterday up to the same time, and the answer contains that range', async () => {
  const site_id = await storeSite(
    '2025-11-12T08:00:00Z / ann',
    '2025-11-11T08:59:59.999Z / ann',
    '2025-11-11T09:00:00Z / bob',
    '2025-11-11T23:00:00Z / cat',
    '2024-11-12T09:00:00Z / ann',
  );
  now = '2025-11-12T09:00:00Z';

  const { body } = await get({ site_id, period: 'today' });
  const year = await get({ site_id, period: 'today', to_previous: 'year' });

  expect(body).toMatchObject({
    meta: {
      from: '2025-11-12T00:00:00+00:00',
      to: '2025-11-13T00:00:00+00:00',
      previous: { from: '2025-11-11T00:00:00+00:00', to: '2025-11-11T09:00:00+00:00' },
    },
    current: { total_views: 1, unique_users: 1 },
    previous: { total_views: 1, unique_users: 1 },
    change: { total_views: 0, unique_users: 0 },
  });
  expect(year.body.previous).toEqual({ total_views: 0, unique_users: 0 });
});

test.each([
  ['all time', 'period=all', 'period'],
  ['no range at all', '', 'period'],
  ['a comparison that there is not', 'date=2025-11-12&to_previous=week', 'to_previous'],
])('%s is refused with 400 that names the parameter', async (_name, query, field) => {
  const response = await request(app).get(`/stats/compare?site_id=a&${query}`);

  expect(response.status).toBe(400);
  expect(JSON.parse(response.text).errors).toEqual([{ field, message: expect.any(String) }]);
});
