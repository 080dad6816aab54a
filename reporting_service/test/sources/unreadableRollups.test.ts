import { useTestStack } from '@analytics/local-stack/testing/useTestStack';
import {
  type CountsDocument,
  openRollupCollections,
  ROLLUP_FORMAT,
  type UserBitmapsDocument,
} from '@analytics/rollups/documents';
import { createUserBitmap, encodeUserBitmap } from '@analytics/rollups/userBitmap';
import { mongo } from 'mongoose';
import request from 'supertest';
import { beforeEach, expect, test } from 'vitest';
import { startApp } from '../startApp.ts';

const stack = useTestStack();
const { app, connection, storeEvents } = await startApp(stack);
if (!connection.db) {
  throw new Error('The test is not connected to MongoDB.');
}
const { counts, userBitmaps, userPages, siteCodes, meta, invalidations } = openRollupCollections(
  connection.db,
);
await meta.insertOne({ _id: 'backfill', is_complete: true, format: ROLLUP_FORMAT });

const SITE = 'poisoned';
const DAY = '2025-11-12';
const HOURS = [8, 9];

function encode(numbers: number[]): mongo.Binary {
  const users = createUserBitmap();
  users.addMany(numbers);
  const encoded = encodeUserBitmap(users);
  users.dispose();
  return new mongo.Binary(encoded);
}

const toStart = (hour: number) => new Date(`${DAY}T${String(hour).padStart(2, '0')}:00:00Z`);
const toKey = (hour: number) => ({
  site: 1,
  dimension: '',
  granularity: 'hour' as const,
  start: toStart(hour),
  part: 0,
});

/** Two hours are rolled up with 100 views each, of which no event tells; a third one is read from events. */
beforeEach(async () => {
  for (const collection of [
    counts,
    userBitmaps,
    userPages,
    siteCodes,
    invalidations,
    connection.collection('events'),
  ]) {
    await collection.deleteMany({});
  }
  await siteCodes.insertOne({ _id: SITE, code: 1, dimensions: [''], has_more_dimensions: false });
  for (const hour of HOURS) {
    const document: CountsDocument = {
      _id: toKey(hour),
      version: 1,
      parts: 1,
      values: [null],
      views: [100],
      users: [2],
      user_bitmaps: [encode([hour, hour + 1])],
    };
    await counts.insertOne(document);
  }
  await invalidations.insertMany([
    { _id: { site_id: SITE, granularity: 'day', start: toStart(0) }, due_at: new Date() },
    { _id: { site_id: SITE, granularity: 'hour', start: toStart(10) }, due_at: new Date() },
  ]);
  await storeEvents(
    [8, 9, 10].map((hour) => ({
      site_id: SITE,
      path: '/',
      user_id: `user ${hour}`,
      timestamp: toStart(hour).toISOString(),
    })),
  );
});

const get = async (from = app) => {
  const { status, body } = await request(from).get('/stats/timeseries').query({ site_id: SITE, date: DAY });
  return [status, body.meta?.source, body.series?.[0].views, body.series?.[0].unique_users];
};

const poison = (change: object) => counts.updateOne({ _id: toKey(8) }, { $set: change });

test('readable rollups are used', async () => {
  expect(await get()).toEqual([200, 'mixed', 201, 4]);
});

test.each<[string, () => Promise<unknown>]>([
  [
    'a set of users that is none',
    () => poison({ user_bitmaps: [new mongo.Binary(Buffer.from('nonsense'))] }),
  ],
  ['an empty set of users', () => poison({ user_bitmaps: [new mongo.Binary(Buffer.alloc(0))] })],
  [
    'a set that is cut off',
    () => poison({ user_bitmaps: [new mongo.Binary(encode([1, 70_000]).value().slice(0, 9))] }),
  ],
  ['a set of other users than were counted', () => poison({ user_bitmaps: [encode([1, 2, 3])] })],
  ['a text in the place of a set', () => poison({ user_bitmaps: ['nonsense'] })],
  ['a text in the place of sets', () => poison({ user_bitmaps: 'nonsense' })],
  ['no values', () => poison({ values: null })],
  ['views of another number of values', () => poison({ views: [1, 2] })],
  ['views that are none', () => poison({ views: ['100'] })],
  ['users that are none', () => poison({ users: [null] })],
  ['an unknown number of parts', () => poison({ parts: 'one' })],
  [
    'sets elsewhere that are none',
    async () => {
      await counts.updateOne({ _id: toKey(8) }, { $set: { chunk_starts: [0] }, $unset: { user_bitmaps: 1 } });
      const sets = { _id: { ...toKey(8), chunk: 0 }, version: 1, user_bitmaps: ['nonsense'] };
      await userBitmaps.insertOne(sets as unknown as UserBitmapsDocument);
    },
  ],
])('for an hour with %s, and only for that hour, the events are read', async (_case, spoil) => {
  await spoil();

  // The hour has one event, and the next hour is still rolled up.
  expect(await get()).toEqual([200, 'mixed', 102, 4]);
});

test.each<[string, () => Promise<unknown>]>([
  [
    'sets elsewhere that are missing',
    () => counts.updateOne({ _id: toKey(8) }, { $set: { chunk_starts: [0] }, $unset: { user_bitmaps: 1 } }),
  ],
  ['users of a site that are none', () => userPages.updateMany({}, { $set: { users: 'nonsense' } })],
])('with %s everything is read from events', async (_case, spoil) => {
  const pages = Array.from({ length: 4096 }, (_, page) => ({
    _id: { site: 1, tier: 0, page },
    count: 1,
    users: 'somebody\0',
  }));
  await userPages.insertMany(pages);
  await spoil();

  expect(await get()).toEqual([200, 'live', 3, 3]);
});

test('the log names each bucket to rebuild once', async () => {
  const lines: string[] = [];
  const logger = { warn: (line: string) => lines.push(line), info: () => {} };
  const other = await startApp(stack, {}, undefined, { logger: logger as never });
  expect(await get(other.app)).toEqual([200, 'mixed', 201, 4]);
  expect(lines).toEqual([]);
  await poison({ user_bitmaps: ['nonsense'] });

  await get(other.app);
  await get(other.app);

  expect(lines).toEqual([
    'A rollup cannot be read: a set of users cannot be decoded in the hour from 2025-11-12T08:00:00.000Z to 2025-11-12T09:00:00.000Z. Reports read its events, which is slower. Run npm run rollup -- rebuild for that time.',
  ]);
});
