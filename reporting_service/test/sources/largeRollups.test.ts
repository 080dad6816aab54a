import { useTestStack } from '@analytics/local-stack/testing/useTestStack';
import { type CountsDocument, openRollupCollections, ROLLUP_FORMAT } from '@analytics/rollups/documents';
import { createUserBitmap, encodeUserBitmap } from '@analytics/rollups/userBitmap';
import { mongo } from 'mongoose';
import request from 'supertest';
import { expect, test } from 'vitest';
import { createReportMemory } from '../../src/database/reportMemory.ts';
import { startApp } from '../startApp.ts';

const stack = useTestStack();
const { app, connection, storeEvents } = await startApp(stack);
if (!connection.db) {
  throw new Error('The test is not connected to MongoDB.');
}
const { counts, siteCodes, meta, invalidations } = openRollupCollections(connection.db);
await meta.insertOne({ _id: 'backfill', is_complete: true, format: ROLLUP_FORMAT });

const users = createUserBitmap();
users.add(1);
const oneUser = encodeUserBitmap(users);
users.dispose();

const DAY_MS = 86_400_000;
const DAYS = 60;
// It holds one whole month, which has no rollup and so is empty, and thirty days on either side of it.
const RANGE = { from: '2025-01-02', to: '2025-03-30' };

/**
 * A site with one event, whose rollups say something else: each day has so many paths, the same ones or
 * others.
 */
async function storeSite(
  site_id: string,
  code: number,
  pathsPerDay: number,
  { isAlike = true } = {},
): Promise<void> {
  const timestamp = '2025-01-02T10:00:00Z';
  await storeEvents([{ site_id, path: '/from-events', user_id: 'ann', timestamp }]);
  await siteCodes.insertOne({
    _id: site_id,
    code,
    dimensions: ['', 'path', 'property:plan'],
    has_more_dimensions: true,
  });
  const listValues = (day: number) =>
    Array.from({ length: pathsPerDay }, (_, index) => (isAlike ? `/${index}` : `/${day}/${index}`));
  const values = listValues(0);
  const ones = values.map(() => 1);
  const sets = values.map(() => new mongo.Binary(oneUser));
  const firstDays = [Date.parse('2025-01-02'), Date.parse('2025-03-01')];
  for (let day = 0; day < DAYS; day += 1) {
    const start = new Date((firstDays[day % 2] ?? 0) + Math.floor(day / 2) * DAY_MS);
    const document: CountsDocument = {
      _id: { site: code, dimension: 'path', granularity: 'day', start, part: 0 },
      version: 1,
      parts: 1,
      values: isAlike ? values : listValues(day),
      views: ones,
      users: ones,
      user_bitmaps: sets,
    };
    await counts.insertOne(document);
  }
}

const get = async (route: string, query: object, to = app) =>
  (await request(to).get(route).query(query)).body;

/**
 * A service whose reports may hold very little: what the other one does with a million values, it does with
 * some thousands.
 */
const frugal = await startApp(stack, {}, undefined, {
  memory: createReportMemory({
    sharedBytes: 1_500_000,
    smallReportBytes: 1_000_000,
    largeReportBytes: 1_500_000,
  }),
});

/** A value takes some 150 bytes, and 90 in a large report, which does not hold what it has read. */
test.each([
  ['little', 2000],
  ['much, which only one report at a time may hold', 12_000],
])(
  '%s is added up in the reporting service, for many at the same time',
  async (name, values) => {
    await storeSite(name, values, Math.ceil(values / DAYS), { isAlike: false });
    const query = { site_id: name, dimension: 'path', ...RANGE };
    const expected = await get('/stats/breakdown', query);
    expect(expected).toMatchObject({ meta: { source: 'rollup' }, total: Math.ceil(values / DAYS) * DAYS });

    const answers = await Promise.all(
      Array.from({ length: 6 }, (_, index) =>
        get('/stats/breakdown', { ...query, offset: index * 100 }, frugal.app),
      ),
    );

    const pick = ({ total, meta }: typeof expected) => [total, meta.source];
    expect(answers.map(pick)).toEqual(answers.map(() => pick(expected)));
    expect(answers[0].rows).toEqual(expected.rows);
  },
  60_000,
);

test('if there are more values than fit into memory, MongoDB groups the events', async () => {
  await storeSite('large', 1, 400, { isAlike: false });

  const query = { site_id: 'large', dimension: 'path', ...RANGE };
  const { meta, rows } = await get('/stats/breakdown', query, frugal.app);

  expect(meta.source).toBe('live');
  expect(rows).toEqual([{ value: '/from-events', views: 1, unique_users: 1, share: 1 }]);
}, 60_000);

test('MongoDB also computes a page at a large offset; a page after the last value is empty', async () => {
  const dimension = 'path';
  await storeSite('paged', 4, 120_000 / DAYS, { isAlike: false });
  const ask = (offset: number) => get('/stats/breakdown', { site_id: 'paged', dimension, offset, ...RANGE });

  expect((await ask(99_990)).rows).toHaveLength(10);
  expect(await ask(100_000)).toMatchObject({ meta: { source: 'live' }, total: 1, rows: [] });
  expect(await ask(999_999_999)).toMatchObject({ meta: { source: 'rollup' }, total: 120_000, rows: [] });
}, 60_000);

test('MongoDB also groups an hour of events with more values than fit into memory', async () => {
  await storeSite('busy', 5, 1);
  const start = new Date('2025-01-03T10:00:00Z');
  await invalidations.insertOne({ _id: { site_id: 'busy', granularity: 'hour', start }, due_at: new Date() });
  const event = { site_id: 'busy', event_type: 'page_view', user_id: null, timestamp: start };
  const events = Array.from({ length: 20_001 }, (_, index) => ({ ...event, path: `/busy/${index}` }));
  await connection.collection('events').insertMany(events);
  const ask = (path_prefix: string) =>
    get('/stats/breakdown', { site_id: 'busy', dimension: 'path', path_prefix, ...RANGE }, frugal.app);

  expect(await ask('/busy/')).toMatchObject({ meta: { source: 'live' }, total: 20_001 });
  expect(await ask('/busy/1')).toMatchObject({ meta: { source: 'mixed' }, total: 11_111 });
}, 60_000);

test('MongoDB also counts more user sets than can be united in memory', async () => {
  await storeSite('many', 2, 4000);

  const { meta, series } = await get('/stats/timeseries', { site_id: 'many', path_prefix: '/', ...RANGE });

  expect(meta.source).toBe('live');
  expect(series[0]).toMatchObject({ views: 1, unique_users: 1 });
}, 60_000);

test('a property without rollups is read from events directly, however old the first event is', async () => {
  await storeSite('old', 3, 1);
  await storeEvents([{ site_id: 'old', path: '/', user_id: null, timestamp: '0001-01-01T00:00:00Z' }]);

  const before = process.cpuUsage();
  const { meta, rows } = await get('/stats/breakdown', { site_id: 'old', dimension: 'property:other' });

  expect(meta.source).toBe('live');
  expect(rows).toMatchObject([{ value: null, views: 2 }]);
  // To look at seventeen million hours takes seconds of work.
  expect(process.cpuUsage(before).user).toBeLessThan(1_000_000);
});
