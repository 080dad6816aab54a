import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { useTestStack } from '@analytics/local-stack/testing/useTestStack';
import { waitUntil } from '@analytics/local-stack/testing/waitUntil';
import { createEventId, type EventJob } from '@analytics/shared/event';
import { SLOT_CAPACITY, SLOT_LEVELS, type SlotLevel } from '@analytics/shared/rollup/userSlots';
import request from 'supertest';
import { expect, test } from 'vitest';
import { createRollups } from '../processor_service/src/rollup/rollups.ts';
import { verify } from '../processor_service/src/rollup/verify.ts';
import { makeUsersOfOneSlot } from '../processor_service/test/usersOfOneSlot.ts';
import { startApp } from '../reporting_service/test/startApp.ts';
import { startRollups } from './startRollups.ts';

const stack = useTestStack();
const { app } = await startApp(stack);
const { Event, store, rollups, rollUp, passTime } = await startRollups(stack);

function openDatabase() {
  const { db } = Event.db;
  if (!db) {
    throw new Error('The test is not connected to MongoDB.');
  }
  return db;
}

const FIRST_DAY_MS = Date.parse('2025-11-28T00:00:00Z');
const SPAN = { startMs: FIRST_DAY_MS, endMs: FIRST_DAY_MS + 10 * 86_400_000 };

/** Events spread over a week that belongs to two months. */
function createEvents(site_id: string, count: number, seed: number): EventJob[] {
  return Array.from({ length: count }, (_, index) => {
    const draw = (seed * 7919 + index * 104_729) % 1_000_003;
    return {
      _id: createEventId(),
      site_id,
      event_type: draw % 5 === 0 ? 'click' : 'page_view',
      path: `/${draw % 17}`,
      user_id: draw % 11 === 0 ? null : `user-${draw % 211}`,
      timestamp: new Date(FIRST_DAY_MS + (draw % 10_007) * 60_000).toISOString(),
    };
  });
}

async function readTotals(site_id: string) {
  const { body } = await request(app).get('/stats').query({ site_id });
  return { total_views: body.total_views, unique_users: body.unique_users };
}

function countTotals(events: EventJob[]) {
  const users = new Set(events.map(({ user_id }) => user_id).filter((user_id) => user_id !== null));
  return { total_views: events.length, unique_users: users.size };
}

test('while events keep arriving and hours are rolled up, no answer lacks what was stored or counts anything twice', async () => {
  const site_id = 'busy';
  const events: EventJob[] = [];
  let begun = 0;
  let isOver = false;
  let answers = 0;

  async function keepStoring(): Promise<void> {
    for (let round = 0; round < 60; round += 1) {
      const some = createEvents(site_id, 20, round);
      begun += some.length;
      await store.storeEvents(some);
      events.push(...some);
      if (round % 6 === 0) {
        await passTime();
      }
    }
    isOver = true;
  }
  async function keepRollingUp(): Promise<void> {
    while (!isOver) {
      await rollUp();
    }
  }
  async function keepAsking(): Promise<void> {
    while (!isOver) {
      const stored = events.length;
      const { total_views } = await readTotals(site_id);
      expect(total_views).toBeGreaterThanOrEqual(stored);
      expect(total_views).toBeLessThanOrEqual(begun);
      answers += 1;
    }
  }
  await Promise.all([keepStoring(), keepRollingUp(), keepAsking()]);

  expect(answers).toBeGreaterThan(10);
  expect(await readTotals(site_id)).toEqual(countTotals(events));
  await passTime();
  await rollUp();
  expect(await readTotals(site_id)).toEqual(countTotals(events));
  expect(await verify(rollups, { site_id, ...SPAN }, () => {})).toMatchObject({ marked: 0, differences: [] });
}, 120_000);

test('an event that is stored in an hour which MongoDB had counted early, by a clock that stepped ahead, is in every answer', async () => {
  const site_id = 'stepped clock';
  const events = createEvents(site_id, 1, 1);
  const { marks } = rollups.collections;
  await store.storeEvents(events);
  await marks.updateMany({ '_id.site_id': site_id }, { $set: { ripe_at: new Date(0) } });
  await rollUp();
  expect(await marks.countDocuments({ '_id.site_id': site_id })).toBe(0);
  events.push(...events.map((event) => ({ ...event, _id: createEventId(), user_id: 'late' })));

  await store.storeEvents(events);

  expect(await readTotals(site_id)).toEqual(countTotals(events));
  await passTime();
  await rollUp();
  expect(await readTotals(site_id)).toEqual(countTotals(events));
  expect(await verify(rollups, { site_id, ...SPAN }, () => {})).toMatchObject({ marked: 0, differences: [] });
});

function startRebuild(site_id: string): ChildProcess {
  const program = join(import.meta.dirname, '../processor_service/dist/bin/rollup.js');
  return spawn(process.execPath, [program, 'rebuild', '--site', site_id], {
    env: { PATH: process.env['PATH'], MONGO_URI: stack.MONGO_URI },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

test('a processor that is killed in the middle of a rollup changes no answer, and the next one finishes', async () => {
  const site_id = 'killed';
  const events = createEvents(site_id, 5000, 1);
  await store.storeEvents(events);
  await passTime();
  const { marks } = rollups.collections;
  const countMarks = () => marks.countDocuments({ '_id.site_id': site_id });
  const hours = await countMarks();

  let interrupted = 0;
  for (let killed = 0; killed < 6; killed += 1) {
    const processor = startRebuild(site_id);
    const exited = once(processor, 'exit');
    const marksBefore = await countMarks();
    // It is in the middle once it has begun to take marks away, or to make them; each time it gets a bit further.
    const waitForMarks = (isReached: (marks: number) => boolean) =>
      waitUntil(countMarks, (marks) => processor.exitCode !== null || isReached(marks), 60_000);
    await waitForMarks((marks) => marks !== marksBefore);
    await waitForMarks((marks) => marks <= hours - killed * 20);
    processor.kill('SIGKILL');
    await exited;
    interrupted += (await countMarks()) > 0 ? 1 : 0;
    expect(await readTotals(site_id)).toEqual(countTotals(events));
  }
  expect(interrupted).toBeGreaterThan(2);

  const processor = startRebuild(site_id);
  expect(await once(processor, 'exit')).toEqual([0, null]);

  expect(await readTotals(site_id)).toEqual(countTotals(events));
  expect(await verify(rollups, { site_id, ...SPAN }, () => {})).toMatchObject({ marked: 0, differences: [] });
}, 120_000);

test('users who find their slot full are the same users in what is rolled up and in events', async () => {
  const site_id = 'full';
  const [event] = createEvents(site_id, 1, 1) as [EventJob];
  const view = (user_id: string | null, hour: number): EventJob => ({
    ...event,
    _id: createEventId(),
    user_id,
    timestamp: new Date(FIRST_DAY_MS + hour * 3_600_000).toISOString(),
  });
  const storeOver = async (events: EventJob[]) => {
    await store.storeEvents(events);
    await passTime();
    await rollUp();
  };
  await storeOver([view(null, 0)]);
  const site = await rollups.collections.sites.findOne({ _id: site_id });
  const users = makeUsersOfOneSlot(site?.number ?? 0, SLOT_LEVELS[0] as SlotLevel, 2 * SLOT_CAPACITY + 10);
  const early = users.slice(0, 2 * SLOT_CAPACITY);
  await storeOver(early.map((user) => view(user, 0)));
  await store.storeEvents(users.map((user) => view(user, 1)));

  expect(await readTotals(site_id)).toEqual({
    total_views: 1 + early.length + users.length,
    unique_users: users.length,
  });
  const { body } = await request(app).get('/stats/breakdown').query({ site_id, dimension: 'event_type' });
  expect(body.meta.source).toBe('mixed');
  expect(body.rows).toMatchObject([{ unique_users: users.length }]);
});

test('properties without bounds overflow within the budget of a bucket, and every report on them is exact', async () => {
  const site_id = 'unbounded';
  const names = ['a', 'b', 'c', 'd', 'e'];
  const events = createEvents(site_id, 600, 1).map(
    (event, index): EventJob => ({
      ...event,
      timestamp: new Date(FIRST_DAY_MS + (index % 2) * 3_600_000 + index).toISOString(),
      properties: {
        plan: index % 3 === 0 ? 'pro' : 'free',
        ...Object.fromEntries(names.map((name) => [name, `${name}${index}`])),
      },
    }),
  );
  const maxBucketBytes = 150_000;
  const frugal = createRollups(openDatabase(), Event.collection.collectionName, { maxBucketBytes });
  await store.storeEvents(events);
  await passTime();
  await frugal.rollUp(new AbortController().signal);

  const site = await rollups.collections.sites.findOne({ _id: site_id });
  const documents = await rollups.collections.rollups.find({ '_id.site': site?.number ?? -1 }).toArray();
  for (const granularity of ['hour', 'day', 'month']) {
    const ofLength = documents.filter(({ _id }) => _id.granularity === granularity);
    const overflowed = ofLength.filter((document) => document.has_too_many_values);
    expect(overflowed.length).toBeGreaterThan(0);
    expect(overflowed.every(({ _id }) => /^property:[a-e]$/.test(_id.dimension))).toBe(true);
    for (const start of new Set(ofLength.map(({ _id }) => _id.start.getTime()))) {
      const values = ofLength
        .filter(({ _id }) => _id.start.getTime() === start)
        .flatMap(({ values }) => values);
      expect(values.length * 256).toBeLessThan(maxBucketBytes);
    }
  }
  const breakDown = async (dimension: string) => {
    const query = { site_id, dimension, limit: 1000 };
    const { body } = await request(app).get('/stats/breakdown').query(query);
    return {
      source: body.meta.source,
      total: body.total,
      views: body.rows.map((row: { views: number }) => row.views),
    };
  };
  expect(await breakDown('property:plan')).toEqual({ source: 'rollup', total: 2, views: [400, 200] });
  for (const name of names) {
    expect(await breakDown(`property:${name}`)).toMatchObject({ total: 600, views: new Array(600).fill(1) });
  }
  expect(await readTotals(site_id)).toEqual(countTotals(events));
  expect(await verify(rollups, { site_id, ...SPAN }, () => {})).toMatchObject({ marked: 0, differences: [] });
});

test.each([
  {
    tz: 'Asia/Kolkata',
    date: '1970-01-01',
    before: '1969-12-31T18:29:59.999Z',
    first: '1969-12-31T18:30:00Z',
  },
  {
    tz: 'Asia/Kathmandu',
    date: '2025-11-12',
    before: '2025-11-11T18:14:59.999Z',
    first: '2025-11-11T18:15:00Z',
  },
])(
  'days of $tz are put together from quarters of hours, and no event is read',
  async ({ tz, date, before, first }) => {
    const site_id = `quarters ${tz}`;
    const [event] = createEvents(site_id, 1, 1) as [EventJob];
    await store.storeEvents(
      [before, first].map((timestamp, index) => ({
        ...event,
        _id: createEventId(),
        user_id: `user-${index}`,
        timestamp,
      })),
    );
    await passTime();
    await rollUp();

    const get = async (interval: string) =>
      (await request(app).get('/stats/timeseries').query({ site_id, date, tz, interval })).body;
    const { meta, series } = await get('day');
    expect(meta.source).toBe('rollup');
    expect(series).toMatchObject([{ views: 1, unique_users: 1 }]);
    const hours = (await get('hour')).series;
    expect(hours.map(({ views }: { views: number }) => views)).toEqual([1, ...new Array(23).fill(0)]);
  },
);
