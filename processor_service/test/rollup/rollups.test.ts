// Long because all of its tests share one store, one clock and one way to read a rollup.
import { randomUUID } from 'node:crypto';
import { useTestStack } from '@analytics/local-stack/testing/useTestStack';
import type { Invalidations } from '@analytics/rollups/invalidations';
import type { EventJob } from '@analytics/shared/event/event';
import { createEventId } from '@analytics/shared/event/eventId';
import { beforeEach, expect, test } from 'vitest';
import { createValueCounts } from '../../src/rollup/counting/valueCounts.ts';
import { rebuild } from '../../src/rollup/rebuild.ts';
import { createRefresher } from '../../src/rollup/refresher.ts';
import { describeDifference, verify } from '../../src/rollup/verify.ts';
import { openRollups } from './openRollups.ts';
import { startRollups } from './startRollups.ts';

const { connection, Event, store, rollups, refresh, passTime } = await startRollups(useTestStack());
const { collections, invalidations } = rollups;
const { signal } = new AbortController();

let site_id = '';
beforeEach(() => {
  site_id = randomUUID();
});

/** An event of the site; `line` is "time path user". */
function toJob(line: string, more: Partial<EventJob> = {}): EventJob {
  const [time, path = '/', user = '-'] = line.split(' ');
  return {
    _id: createEventId(),
    site_id,
    event_type: 'page_view',
    path,
    user_id: user === '-' ? null : user,
    timestamp: `${time}:00Z`,
    ...more,
  };
}

async function rollUpAll(): Promise<void> {
  await passTime();
  await refresh();
}

const ALL_TIME = { startMs: Date.parse('2000-01-01'), endMs: Date.parse('2030-01-01') };
const check = async () => {
  const { checked, invalid, differences } = await verify(rollups, { site_id, ...ALL_TIME }, () => {});
  return { checked, invalid, differences: differences.map(describeDifference) };
};

async function readRollup(granularity: 'hour' | 'day' | 'month', dimension: string) {
  const site = await collections.siteCodes.findOne({ _id: site_id });
  const found = await collections.counts
    .find({ '_id.site': site?.code ?? -1, '_id.granularity': granularity, '_id.dimension': dimension })
    .sort({ _id: 1 })
    .toArray();
  return found.map(({ _id, values, views, users }) => ({
    start: _id.start.toISOString(),
    values,
    views,
    users,
  }));
}

test('hours are counted once they are over, and merged into days and months', async () => {
  await store.storeEvents([
    toJob('2025-11-12T19:00 / ann'),
    toJob('2025-11-12T19:59 / ann'),
    toJob('2025-11-12T19:30 /b bob'),
    toJob('2025-11-12T20:00 /b ann'),
    toJob('2025-11-13T00:00 / -'),
  ]);
  await refresh();
  expect(await readRollup('hour', 'path')).toEqual([]);

  await rollUpAll();

  expect(await readRollup('hour', 'path')).toEqual([
    { start: '2025-11-12T19:00:00.000Z', values: ['/', '/b'], views: [2, 1], users: [1, 1] },
    { start: '2025-11-12T20:00:00.000Z', values: ['/b'], views: [1], users: [1] },
    { start: '2025-11-13T00:00:00.000Z', values: ['/'], views: [1], users: [0] },
  ]);
  expect(await readRollup('day', '')).toEqual([
    { start: '2025-11-12T00:00:00.000Z', values: [null], views: [4], users: [2] },
    { start: '2025-11-13T00:00:00.000Z', values: [null], views: [1], users: [0] },
  ]);
  expect(await readRollup('month', 'path')).toEqual([
    { start: '2025-11-01T00:00:00.000Z', values: ['/', '/b'], views: [3, 2], users: [1, 2] },
  ]);
  expect(await collections.invalidations.countDocuments({ '_id.site_id': site_id })).toBe(0);
  expect(await check()).toEqual({ checked: 6, invalid: 0, differences: [] });
});

test('a running hour stays invalid, and so do its day and its month', async () => {
  await store.storeEvents([toJob(new Date().toISOString().slice(0, 16))]);

  await refresh();

  expect(await readRollup('hour', '')).toEqual([]);
  expect(await collections.invalidations.countDocuments({ '_id.site_id': site_id })).toBe(1);
});

test('a late event has its hour counted again, and everything above it', async () => {
  await store.storeEvents([toJob('2025-11-12T19:00 / ann')]);
  await rollUpAll();
  await passTime();
  await store.storeEvents([toJob('2025-11-12T19:01 /late bob')]);
  expect(await check()).toEqual({ checked: 0, invalid: 3, differences: [] });

  await rollUpAll();

  expect(await readRollup('month', '')).toMatchObject([{ views: [2], users: [2] }]);
  expect(await check()).toEqual({ checked: 3, invalid: 0, differences: [] });
});

test('counts that were begun earlier never replace those that were begun later', async () => {
  await store.storeEvents([toJob('2025-11-12T19:00 / ann')]);
  await rollUpAll();
  const site = await collections.siteCodes.findOne({ _id: site_id });
  const bucket = {
    site: site?.code ?? 0,
    granularity: 'hour' as const,
    startMs: Date.parse('2025-11-12T19:00Z'),
  };
  const older = createValueCounts();
  older.add(null, 41, []);

  expect(await rollups.writer.write(bucket, 0, new Map([['', older]]))).toBe(false);

  expect(await readRollup('hour', '')).toMatchObject([{ views: [1] }]);
});

test('events from before the first invalidation are counted, too', async () => {
  await collections.meta.deleteMany({});
  const { _id: _, timestamp, ...fields } = toJob('2025-11-12T19:00 / ann');
  await Event.collection.insertMany([
    { ...fields, timestamp: new Date(timestamp) },
    { ...fields, timestamp: new Date('2024-02-29T23:59:59.999Z') },
  ]);

  await refresh();

  expect(await readRollup('month', '')).toMatchObject([{ views: [1] }, { views: [1] }]);
  expect(await collections.meta.findOne({ _id: 'backfill' })).toMatchObject({ is_complete: true });
});

test('rollups in another format are discarded and rebuilt', async () => {
  await store.storeEvents([toJob('2025-11-12T19:00 / ann'), toJob('2025-11-12T19:01 / bob')]);
  await rollUpAll();
  await collections.meta.updateOne({ _id: 'backfill' }, { $unset: { format: true } });
  const inOldForm = { $set: { users: ['bob', 'ann'], numbers: [1, 2] }, $unset: { count: true } };
  await collections.userPages.updateMany({}, inOldForm as never);

  await refresh();

  expect(await readRollup('month', '')).toMatchObject([{ views: [2], users: [2] }]);
  expect(await check()).toEqual({ checked: 3, invalid: 0, differences: [] });
  expect(await collections.userPages.countDocuments({ numbers: { $exists: true } })).toBe(0);
});

test('properties are dimensions, up to a hundred of them', async () => {
  const named = (from: number) =>
    Object.fromEntries(Array.from({ length: 20 }, (_, index) => [`p${from + index}`, index]));
  await store.storeEvents([
    toJob('2025-11-12T19:00 / ann'),
    ...[0, 20, 40, 60, 80, 100].map((from) => toJob('2025-11-12T19:01 / bob', { properties: named(from) })),
  ]);

  await rollUpAll();

  const site = await collections.siteCodes.findOne({ _id: site_id });
  expect(site?.dimensions.filter((name) => name.startsWith('property:'))).toHaveLength(100);
  expect(site?.has_more_dimensions).toBe(true);
  const [name = ''] = site?.dimensions.slice(-1) ?? [];
  expect(await readRollup('hour', name)).toMatchObject([{ views: [6, 1], users: [2, 1] }]);
  expect(await check()).toMatchObject({ differences: [] });
});

test('many values and large sets of users are divided among documents and come back whole', async () => {
  const events = Array.from({ length: 6000 }, (_, index) =>
    toJob(`2025-11-12T19:00 /${index % 3 === 0 ? 'top' : index} user-${(index * 7919) % 5000}`),
  );
  await store.storeEvents(events);

  await rollUpAll();

  const top = events.filter(({ path }) => path === '/top');
  expect(await readRollup('day', 'path')).toMatchObject([
    {
      values: expect.arrayContaining(['/top', '/1', '/5999']),
      views: [2000, ...new Array(4000).fill(1)],
      users: [new Set(top.map(({ user_id }) => user_id)).size, ...new Array(4000).fill(1)],
    },
  ]);
  expect(await collections.userBitmaps.countDocuments({ '_id.dimension': 'path' })).toBeGreaterThan(3);
  expect(await check()).toMatchObject({ differences: [] });
});

test('verify names the differences, and rebuild corrects them', async () => {
  await store.storeEvents([toJob('2025-11-12T19:00 / ann'), toJob('2025-11-13T19:00 / bob')]);
  await rollUpAll();
  const site = await collections.siteCodes.findOne({ _id: site_id });
  await collections.counts.updateMany(
    { '_id.site': site?.code ?? -1, '_id.dimension': '', '_id.start': new Date('2025-11-12T19:00Z') },
    { $set: { views: [2] } },
  );
  expect((await check()).differences).toEqual([
    `${site_id}: the hour 2025-11-12T19:00 differs in its totals`,
    `${site_id}: the day 2025-11-12 differs in its totals`,
  ]);

  await Event.deleteMany({ site_id, timestamp: new Date('2025-11-13T19:00Z') });
  await rebuild(rollups, { site_id, ...ALL_TIME }, { signal });

  expect(await check()).toEqual({ checked: 3, invalid: 0, differences: [] });
  expect(await readRollup('month', '')).toMatchObject([{ views: [1], users: [1] }]);
  expect(await readRollup('hour', '')).toMatchObject([{ views: [1] }, { values: [], views: [], users: [] }]);
  expect(await readRollup('day', 'path')).toMatchObject([{ views: [1] }]);
});

test('an event whose user is not a text delays the refresh of its hour only', async () => {
  await store.storeEvents([toJob('2025-11-12T18:00 / ann'), toJob('2025-11-12T20:00 / bob')]);
  const { _id: _, timestamp, ...fields } = toJob('2025-11-12T19:00 /');
  await Event.collection.insertOne({ ...fields, user_id: 42, timestamp: new Date(timestamp) });
  await invalidations.invalidateHours([
    { site_id, granularity: 'hour', startMs: Date.parse('2025-11-12T19:00Z') },
  ]);

  await expect(rollUpAll()).rejects.toThrow('A user_id is not a text');

  expect(await readRollup('hour', '')).toMatchObject([{ views: [1] }, { views: [1] }]);
  expect(
    await collections.invalidations.countDocuments({ '_id.site_id': site_id, '_id.granularity': 'hour' }),
  ).toBe(1);
  await Event.collection.deleteMany({ site_id, user_id: 42 });
  await rollUpAll();
});

test('hours that are counted at the same time register the same properties, however many there are', async () => {
  const keys = Array.from({ length: 150 }, (_, index) => `p${index}`);
  const nameAll = (hour: string, names: string[]) =>
    Array.from({ length: 8 }, (_, index) => {
      const properties = Object.fromEntries(
        names.slice(index * 20, index * 20 + 20).map((name) => [name, 1]),
      );
      return toJob(`2025-11-12T${hour}:00 / ann`, { properties });
    });
  await store.storeEvents([...nameAll('18', keys), ...nameAll('19', [...keys].reverse())]);

  await rollUpAll();

  const site = await collections.siteCodes.findOne({ _id: site_id });
  const properties = site?.dimensions.filter((name) => name.startsWith('property:')) ?? [];
  expect(properties).toHaveLength(100);
  for (const name of properties) {
    expect(await readRollup('day', name)).toMatchObject([{ views: [14, 2] }]);
  }
});

test('a day includes a property that another process registered during its refresh', async () => {
  await store.storeEvents([toJob('2025-11-12T18:00 / ann')]);
  await passTime();
  const findHours: Invalidations['findDue'] = async (granularity, ...more) =>
    granularity === 'hour' ? invalidations.findDue(granularity, ...more) : [];
  const other = createRefresher({
    ...openRollups(connection),
    invalidations: { ...invalidations, findDue: findHours },
  });
  let isOthersTurn = true;
  const findAll: Invalidations['findDue'] = async (granularity, ...more) => {
    if (granularity === 'day' && isOthersTurn) {
      isOthersTurn = false;
      await store.storeEvents([toJob('2025-11-12T19:00 / bob', { properties: { plan: 'pro' } })]);
      await passTime();
      await other.refreshDue({ signal });
      await passTime();
    }
    return invalidations.findDue(granularity, ...more);
  };
  const refresher = createRefresher({ ...rollups, invalidations: { ...invalidations, findDue: findAll } });

  await refresher.refreshDue({ signal });

  expect(await readRollup('day', 'property:plan')).toMatchObject([
    { values: expect.arrayContaining([null, 'pro']), views: [1, 1] },
  ]);
  expect(await check()).toMatchObject({ differences: [] });
});

test('user codes cached before all rollups were discarded are not used afterwards', async () => {
  await store.storeEvents([toJob('2025-11-12T19:00 / ann')]);
  await rollUpAll();
  for (const { name } of await connection.listCollections()) {
    if (name.startsWith('rollup')) {
      await connection.collection(name).deleteMany({});
    }
  }
  await store.storeEvents([toJob('2025-11-12T18:00 / bob')]);
  await passTime();

  await refresh();

  const site = await collections.siteCodes.findOne({ _id: site_id });
  const slots = await collections.userPages.find({ '_id.site': site?.code ?? -1 }).toArray();
  expect(slots.map(({ users }) => users).sort()).toEqual(['ann\0', 'bob\0']);
  expect(await readRollup('day', '')).toMatchObject([{ views: [2], users: [2] }]);
});
