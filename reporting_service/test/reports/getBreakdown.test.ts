import { randomUUID } from 'node:crypto';
import { useTestStack } from '@analytics/local-stack/testing/useTestStack';
import request from 'supertest';
import { expect, test } from 'vitest';
import { startApp, type TestEvent } from '../startApp.ts';

const stack = useTestStack();
const { app, storeEvents, storeSite } = await startApp(stack);

const get = (query: object) => request(app).get('/stats/breakdown').query(query);

async function storeWith(...fields: Partial<TestEvent>[]): Promise<string> {
  const site_id = randomUUID();
  await storeEvents(
    fields.map((each) => ({
      site_id,
      path: '/',
      user_id: 'ann',
      timestamp: '2025-11-12T10:00:00Z',
      ...each,
    })),
  );
  return site_id;
}

test('values come with their views, users and share, the most views first', async () => {
  const site_id = await storeSite(
    '2025-11-12T10:00:00Z /a ann',
    '2025-11-12T10:00:00Z /a ann',
    '2025-11-12T10:00:00Z /a',
    '2025-11-12T10:00:00Z /b',
  );

  const { body } = await get({ site_id, dimension: 'path', date: '2025-11-12' });

  expect(body).toEqual({
    meta: {
      site_id,
      from: '2025-11-12T00:00:00+00:00',
      to: '2025-11-13T00:00:00+00:00',
      tz: 'UTC',
      as_of: expect.stringMatching(/^\d{4}-\d\d-\d\dT/),
      source: 'live',
    },
    dimension: 'path',
    total: 2,
    rows: [
      { value: '/a', views: 3, unique_users: 1, share: 0.75 },
      { value: '/b', views: 1, unique_users: 0, share: 0.25 },
    ],
  });
});

test('events without a value form a row of null; values keep their types', async () => {
  const site_id = await storeWith(
    { properties: { plan: 'pro' } },
    { properties: { plan: '1' } },
    { properties: { plan: 1 } },
    { properties: { plan: true } },
    { properties: { other: 'x' } },
    {},
  );

  const { body } = await get({ site_id, dimension: 'property:plan' });

  expect(body.total).toBe(5);
  expect(body.rows.map(({ value, views }: { value: unknown; views: number }) => [value, views])).toEqual([
    [null, 2],
    [1, 1],
    ['1', 1],
    ['pro', 1],
    [true, 1],
  ]);
});

test('a search finds its text anywhere in a value, literally; the share is of all views', async () => {
  const site_id = await storeWith({ path: '/a.b' }, { path: '/x/a.b' }, { path: '/axb' }, { path: '/A.B' });

  const { body } = await get({ site_id, dimension: 'path', search: 'a.b' });

  expect(body).toMatchObject({
    total: 2,
    rows: [
      { value: '/a.b', share: 0.25 },
      { value: '/x/a.b', share: 0.25 },
    ],
  });
});

test('limit and offset select the page', async () => {
  const site_id = await storeWith(...['/a', '/b', '/c', '/d'].map((path) => ({ path })));
  const readPaths = async (page: object) =>
    (await get({ site_id, dimension: 'path', ...page })).body.rows.map(
      ({ value }: { value: string }) => value,
    );

  expect(await readPaths({ limit: 2 })).toEqual(['/a', '/b']);
  expect(await readPaths({ limit: 2, offset: 3 })).toEqual(['/d']);
  expect(await readPaths({ limit: 2, offset: 4 })).toEqual([]);
});

test('filters apply before the breakdown', async () => {
  const site_id = await storeWith(
    { path: '/a', referrer_host: 'news.example' },
    { path: '/b', referrer_host: 'news.example', event_type: 'click' },
    { path: '/c' },
  );

  const { body } = await get({
    site_id,
    dimension: 'referrer_host',
    path_prefix: '/',
    event_type: 'page_view',
  });

  expect(body.rows).toEqual([
    { value: null, views: 1, unique_users: 1, share: 0.5 },
    { value: 'news.example', views: 1, unique_users: 1, share: 0.5 },
  ]);
});

test.each([
  ['no dimension', '', 'dimension'],
  ['a dimension that there is not', 'dimension=user_id', 'dimension'],
  ['a property without a name', 'dimension=property:', 'dimension'],
  ['a property with a path for a name', 'dimension=property:a.b', 'dimension'],
  ['an operator for a property', 'dimension=property:$where', 'dimension'],
  ['__proto__ for a property', 'dimension=property:__proto__', 'dimension'],
  ['a limit of 0', 'dimension=path&limit=0', 'limit'],
  ['a limit of 1,001', 'dimension=path&limit=1001', 'limit'],
  ['a limit that is no number', 'dimension=path&limit=ten', 'limit'],
  ['a negative offset', 'dimension=path&offset=-1', 'offset'],
  ['an empty search', 'dimension=path&search=', 'search'],
])('%s is refused with 400 that names the parameter', async (_name, query, field) => {
  const response = await request(app).get(`/stats/breakdown?site_id=a&${query}`);

  expect(response.status).toBe(400);
  expect(JSON.parse(response.text).errors).toEqual([{ field, message: expect.any(String) }]);
});
