import { randomUUID } from 'node:crypto';
import { useTestStack } from '@analytics/local-stack/testing/useTestStack';
import request from 'supertest';
import { expect, test } from 'vitest';
import { startApp, type TestEvent } from '../startApp.ts';

const stack = useTestStack();
const { app, storeEvents, storeSite } = await startApp(stack);

const get = (query: object) => request(app).get('/stats').query(query);

test('returns zeros for a site without events', async () => {
  const response = await get({ site_id: 'nobody' });

  expect([response.status, response.type]).toEqual([200, 'application/json']);
  expect(response.body).toEqual({
    site_id: 'nobody',
    date: null,
    total_views: 0,
    unique_users: 0,
    top_paths: [],
  });
});

test('without a date the answer covers all time, with a date that UTC day', async () => {
  const site_id = await storeSite(
    '2025-11-11T23:59:59.999Z /yesterday ann',
    '2025-11-12T00:00:00.000Z /first ann',
    '2025-11-12T23:59:59.999Z /last bob',
    '2025-11-13T00:00:00.000Z /tomorrow cid',
  );

  const allTime = await get({ site_id });
  const oneDay = await get({ site_id, date: '2025-11-12' });

  expect(allTime.body).toEqual({
    site_id,
    date: null,
    total_views: 4,
    unique_users: 3,
    top_paths: ['/first', '/last', '/tomorrow', '/yesterday'].map((path) => ({ path, views: 1 })),
  });
  expect(oneDay.body).toEqual({
    site_id,
    date: '2025-11-12',
    total_views: 2,
    unique_users: 2,
    top_paths: ['/first', '/last'].map((path) => ({ path, views: 1 })),
  });
});

test('a range includes its first and last day, and the answer contains them', async () => {
  const site_id = await storeSite(
    '2025-11-10T23:59:59.999Z /before ann',
    '2025-11-11T00:00:00.000Z /first ann',
    '2025-11-12T23:59:59.999Z /last bob',
    '2025-11-13T00:00:00.000Z /after cid',
  );

  expect((await get({ site_id, from: '2025-11-11', to: '2025-11-12' })).body).toEqual({
    site_id,
    date: null,
    from: '2025-11-11',
    to: '2025-11-12',
    tz: 'UTC',
    total_views: 2,
    unique_users: 2,
    top_paths: ['/first', '/last'].map((path) => ({ path, views: 1 })),
  });
});

test('with a time zone, a day is its local day', async () => {
  const site_id = await storeSite(
    '2025-11-11T18:29:59.999Z /before ann',
    '2025-11-11T18:30:00.000Z /first ann',
    '2025-11-12T18:29:59.999Z /last bob',
    '2025-11-12T18:30:00.000Z /after cid',
  );

  expect((await get({ site_id, date: '2025-11-12', tz: 'Asia/Kolkata' })).body).toEqual({
    site_id,
    date: '2025-11-12',
    from: '2025-11-12',
    to: '2025-11-12',
    tz: 'Asia/Kolkata',
    total_views: 2,
    unique_users: 2,
    top_paths: ['/first', '/last'].map((path) => ({ path, views: 1 })),
  });
});

test('filters apply to views, users and paths, and match their texts literally', async () => {
  const site_id = randomUUID();
  const event = (path: string, user_id: string, more: Partial<TestEvent> = {}) => ({
    site_id,
    path,
    user_id,
    timestamp: '2025-11-12T10:00:00Z',
    ...more,
  });
  await storeEvents([
    event('/a.b', 'ann'),
    event('/a.b/c', 'bob', { event_type: 'click' }),
    event('/axb', 'cid', { referrer_host: 'news.example' }),
  ]);
  const count = async (filters: object) => {
    const { total_views, unique_users, top_paths } = (await get({ site_id, ...filters })).body;
    return [total_views, unique_users, top_paths.map(({ path }: { path: string }) => path)];
  };

  expect(await count({ path: '/a.b' })).toEqual([1, 1, ['/a.b']]);
  expect(await count({ path_prefix: '/a.b' })).toEqual([2, 2, ['/a.b', '/a.b/c']]);
  expect(await count({ path_prefix: '/a.b', path: '/axb' })).toEqual([0, 0, []]);
  expect(await count({ event_type: 'click' })).toEqual([1, 1, ['/a.b/c']]);
  expect(await count({ referrer_host: 'news.example' })).toEqual([1, 1, ['/axb']]);
  expect(await count({ event_type: 'click', path: '/a.b' })).toEqual([0, 0, []]);
});

test('the filter referrer_host accepts every spelling of a host', async () => {
  const site_id = randomUUID();
  const event = (referrer_host: string) => ({
    site_id,
    path: `/${referrer_host}`,
    user_id: null,
    timestamp: '2025-11-12T10:00:00Z',
    referrer_host,
  });
  await storeEvents([event('xn--bcher-kva.example'), event('com.slack'), event('[::1]')]);
  const findPaths = async (referrer_host: string) => {
    const { status, body } = await get({ site_id, referrer_host });
    return [status, body.top_paths?.map(({ path }: { path: string }) => path)];
  };

  for (const spelling of [
    'Bücher.example',
    'BÜCHER.EXAMPLE.',
    'xn--bcher-kva.example',
    'b%C3%BCcher.example',
  ]) {
    expect(await findPaths(spelling)).toEqual([200, ['/xn--bcher-kva.example']]);
  }
  expect(await findPaths('com.Slack')).toEqual([200, ['/com.slack']]);
  expect(await findPaths('[0:0::1]')).toEqual([200, ['/[::1]']]);
  for (const refused of ['https://com.slack/', 'com.slack:80', 'com.slack/x', 'a b', '', 'ü'.repeat(301)]) {
    expect(await findPaths(refused)).toEqual([400, undefined]);
  }
});

test('an anonymous event counts as a view and not as a user', async () => {
  const site_id = await storeSite(
    '2025-11-12T10:00:00Z / ann',
    '2025-11-12T10:00:01Z / ann',
    '2025-11-12T10:00:02Z /',
    '2025-11-12T10:00:03Z /',
  );

  expect((await get({ site_id })).body).toMatchObject({ total_views: 4, unique_users: 1 });
});

test('the ten paths with the most views come first, ties by path', async () => {
  const paths = ['/c', '/a', '/b', '/l', '/k', '/j', '/i', '/h', '/g', '/f', '/e', '/d'];
  const lines = paths.map((path) => `2025-11-12T10:00:00Z ${path}`);
  const site_id = await storeSite(...lines, '2025-11-12T11:00:00Z /l', '2025-11-12T11:00:00Z /k');

  expect((await get({ site_id })).body.top_paths).toEqual([
    { path: '/k', views: 2 },
    { path: '/l', views: 2 },
    ...['/a', '/b', '/c', '/d', '/e', '/f', '/g', '/h'].map((path) => ({ path, views: 1 })),
  ]);
});

test('STATS_TOP_PATHS sets the number of paths', async () => {
  const { app: shortApp } = await startApp(stack, { STATS_TOP_PATHS: '2' });
  const site_id = await storeSite(...['/a', '/b', '/c'].map((path) => `2025-11-12T10:00:00Z ${path}`));

  const response = await request(shortApp).get('/stats').query({ site_id });

  expect(response.body.top_paths.map(({ path }: { path: string }) => path)).toEqual(['/a', '/b']);
});

test('the counts of a site exclude other sites whose names begin alike', async () => {
  const site_id = await storeSite('2025-11-12T10:00:00Z / ann');
  await storeEvents([
    { site_id: `${site_id}x`, path: '/', user_id: 'bob', timestamp: '2025-11-12T10:00:00Z' },
  ]);

  expect((await get({ site_id })).body).toMatchObject({ total_views: 1, unique_users: 1 });
});

test('names of built-in object properties are counted like any other name', async () => {
  const site_id = await storeSite(
    '2025-11-12T10:00:00Z __proto__ constructor',
    '2025-11-12T10:00:00Z toString __proto__',
  );

  expect((await get({ site_id })).body).toMatchObject({
    unique_users: 2,
    top_paths: [
      { path: '__proto__', views: 1 },
      { path: 'toString', views: 1 },
    ],
  });
});
