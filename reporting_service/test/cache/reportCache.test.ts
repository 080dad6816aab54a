import { randomUUID } from 'node:crypto';
import { useTestStack } from '@analytics/local-stack/testing/useTestStack';
import { openRollupCollections } from '@analytics/rollups/documents';
import request from 'supertest';
import { afterEach, expect, test } from 'vitest';
import { startApp } from '../startApp.ts';

const stack = useTestStack();

const NOW = Date.parse('2025-11-12T19:30:30Z');
let nowMs = NOW;
const cache = { STATS_CACHE_TTL_SECONDS: '5' };
const { app, storeEvents, connection } = await startApp(stack, cache, () => nowMs);
if (!connection.db) {
  throw new Error('The test is not connected to MongoDB.');
}
const { invalidations } = openRollupCollections(connection.db);

afterEach(() => {
  nowMs = NOW;
});

const view = (site_id: string, timestamp = '2025-11-12T19:10:00Z') => ({
  site_id,
  path: '/',
  user_id: null,
  timestamp,
});

/** What is looked at of an answer. */
interface Answer {
  total_views?: number;
  meta?: object;
}

async function get(
  route: string,
  query: object,
  to = app,
): Promise<{ body: Answer; age: string | undefined }> {
  const { status, body, headers } = await request(to).get(route).query(query);
  expect(status).toBe(200);
  return { body, age: headers['age'] };
}

const ROUTES: [string, object][] = [
  ['/stats', { date: '2025-11-12' }],
  ['/stats/timeseries', { period: '7d', tz: 'Asia/Kolkata' }],
  ['/stats/breakdown', { dimension: 'path' }],
  ['/stats/compare', { period: 'today' }],
  ['/stats/realtime', {}],
];

test.each(ROUTES)(
  '%s %j is answered again with its age until it is five seconds old',
  async (route, query) => {
    const site_id = randomUUID();
    await storeEvents([view(site_id)]);
    const first = await get(route, { site_id, ...query });
    expect(first.age).toBeUndefined();
    await storeEvents([view(site_id)]);

    nowMs += 4999;
    const again = await get(route, { site_id, ...query });
    expect(again.age).toBe('4');
    const { meta } = first.body;
    expect(again.body).toEqual({ ...first.body, ...(meta && { meta: { ...meta, source: 'cache' } }) });

    nowMs += 1;
    const later = await get(route, { site_id, ...query });
    expect(later.age).toBeUndefined();
    expect(JSON.stringify(later.body)).toMatch(/views":2/);
  },
);

test('the cache has a budget of bytes and evicts the least recently used answers first', async () => {
  // Each of these answers takes some 650 bytes, so that eight have room, and one of 250 paths is too long.
  const settings = { ...cache, STATS_CACHE_MAX_BYTES: '5600' };
  const small = await startApp(stack, settings, () => nowMs);
  const site_id = randomUUID();
  await small.storeEvents(
    Array.from({ length: 250 }, (_, index) => ({ ...view(site_id), path: `/${index}` })),
  );
  const ask = (path: string) => get('/stats', { site_id, path }, small.app);
  const long = { site_id, dimension: 'path', limit: 250 };

  for (let index = 0; index < 7; index += 1) {
    await ask(`/${index}`);
  }
  expect((await ask('/0')).age).toBe('0');
  for (let index = 7; index < 11; index += 1) {
    await ask(`/${index}`);
  }
  expect((await ask('/0')).age).toBe('0');
  expect((await ask('/1')).age).toBeUndefined();
  await get('/stats/breakdown', long, small.app);
  expect((await get('/stats/breakdown', long, small.app)).age).toBeUndefined();
});

test('two installations or two settings never share an answer', async () => {
  const site_id = randomUUID();
  await storeEvents([view(site_id), { ...view(site_id), path: '/two' }]);
  const other = await startApp(
    { ...stack, MONGO_URI: `${stack.MONGO_URI}-other` },
    { ...cache, REDIS_PORT: String(stack.REDIS_PORT) },
    () => nowMs,
  );
  stack.register(() => other.connection.dropDatabase());
  const short = await startApp(stack, { ...cache, STATS_TOP_PATHS: '1' }, () => nowMs);

  expect((await get('/stats', { site_id })).body).toMatchObject({ total_views: 2 });
  expect(await get('/stats', { site_id }, other.app)).toMatchObject({
    age: undefined,
    body: { total_views: 0 },
  });
  expect((await get('/stats', { site_id }, short.app)).body).toMatchObject({ top_paths: [{ path: '/' }] });
});

test('two different queries never share an answer', async () => {
  const site_id = randomUUID();
  const queries = [
    ['/stats', { site_id }],
    ['/stats', { site_id, date: '2025-11-12' }],
    ['/stats', { site_id, from: '2025-11-12', to: '2025-11-12' }],
    ['/stats', { site_id, period: 'today' }],
    ['/stats', { site_id, period: 'today', tz: 'Asia/Tokyo' }],
    ['/stats', { site_id, path: '/' }],
    ['/stats', { site_id, path_prefix: '/' }],
    ['/stats/timeseries', { site_id }],
    ['/stats/timeseries', { site_id, interval: 'week' }],
    ['/stats/breakdown', { site_id, dimension: 'path' }],
    ['/stats/breakdown', { site_id, dimension: 'event_type' }],
    ['/stats/breakdown', { site_id, dimension: 'path', limit: 11 }],
    ['/stats/compare', { site_id, period: 'today' }],
    ['/stats/compare', { site_id, period: 'today', to_previous: 'year' }],
    ['/stats/realtime', { site_id }],
  ] as const;

  for (const [route, query] of queries) {
    expect((await get(route, query)).age, `${route} ${JSON.stringify(query)}`).toBeUndefined();
  }
  for (const [route, query] of queries) {
    expect((await get(route, query)).age, `${route} ${JSON.stringify(query)}`).toBe('0');
  }
});

test('after midnight, a cached answer for today is not used, however new it is', async () => {
  const site_id = randomUUID();
  nowMs = Date.parse('2025-11-12T23:59:59Z');
  await get('/stats', { site_id, period: 'today' });

  nowMs += 1000;

  expect(await get('/stats', { site_id, period: 'today' })).toMatchObject({
    age: undefined,
    body: { from: '2025-11-13' },
  });
});

test('a hundred simultaneous equal requests cost one report', async () => {
  const site_id = randomUUID();
  await storeEvents([view(site_id)]);
  const database = connection.db;
  await database?.command({ profile: 2 });

  const answers = await Promise.all(
    Array.from({ length: 100 }, () => get('/stats', { site_id, date: '2025-11-12' })),
  );

  await database?.command({ profile: 0 });
  expect(answers.filter(({ body }) => body.total_views === 1)).toHaveLength(100);
  const aggregations = { 'command.aggregate': 'events', 'command.pipeline.0.$match.site_id': site_id };
  const profile = database?.collection('system.profile');
  expect(
    await profile?.countDocuments({ ...aggregations, 'command.pipeline.$facet': { $exists: true } }),
  ).toBe(1);
  // The users are counted beside.
  expect(await profile?.countDocuments(aggregations)).toBe(2);
});

test('while late events invalidate a closed hour, its answers are neither cached nor taken from the cache', async () => {
  const site_id = randomUUID();
  const today = { site_id, date: '2025-11-12' };
  await get('/stats', today);
  expect((await get('/stats', today)).age).toBe('0');

  const mark = { site_id, granularity: 'hour' as const, start: new Date('2025-11-12T17:00:00Z') };
  await invalidations.insertOne({ _id: mark, due_at: new Date() });
  await storeEvents([view(site_id, '2025-11-12T17:00:00Z')]);

  expect(await get('/stats', today)).toMatchObject({ age: undefined, body: { total_views: 1 } });
  expect((await get('/stats', today)).age).toBeUndefined();
  // Another day is none of it.
  await get('/stats', { site_id, date: '2025-11-11' });
  expect((await get('/stats', { site_id, date: '2025-11-11' })).age).toBe('0');
});

test('the current hour counts as live: its answer may be a moment old although it is invalid', async () => {
  const site_id = randomUUID();
  const mark = { site_id, granularity: 'hour' as const, start: new Date('2025-11-12T19:00:00Z') };
  await invalidations.insertOne({ _id: mark, due_at: new Date() });

  await get('/stats', { site_id, date: '2025-11-12' });

  expect((await get('/stats', { site_id, date: '2025-11-12' })).age).toBe('0');
});

test('with 0 seconds every answer is computed again', async () => {
  const { app: uncached } = await startApp(stack, {}, () => nowMs);
  const site_id = randomUUID();

  await get('/stats', { site_id }, uncached);

  expect((await get('/stats', { site_id }, uncached)).age).toBeUndefined();
});

test.each([
  ['/stats', 200],
  ['/stats/timeseries', 200],
  ['/stats/breakdown?dimension=path', 200],
  ['/stats/compare?period=today', 200],
  ['/stats/realtime', 200],
  ['/stats?date=yesterday', 400],
  ['/elsewhere', 404],
  ['/livez', 200],
  ['/readyz', 200],
])('the answer to %s is not cacheable by proxies: %i', async (path, expected) => {
  const { status, headers } = await request(app)
    .get(path)
    .query(path.startsWith('/stats') ? { site_id: 'a' } : {});

  expect([status, headers['cache-control']]).toEqual([expected, 'no-store']);
});
