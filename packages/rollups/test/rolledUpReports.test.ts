import { useTestStack } from '@analytics/local-stack/testing/useTestStack';
import type { EventJob } from '@analytics/shared/event/event';
import { createEventId } from '@analytics/shared/event/eventId';
import request from 'supertest';
import { expect, test } from 'vitest';
import { openRollups } from '../../../processor_service/test/rollup/openRollups.ts';
import { PAGE_CAPACITY, TIERS, type Tier } from '../src/userDictionary/layout.ts';
import { countTotals, createEvents, FIRST_DAY_MS, startRolledUpReports } from './startRolledUpReports.ts';
import { makeUsersOfOnePage } from './usersOfOnePage.ts';

const { app, connection, store, rollups, refresh, passTime, readTotals, verifySite } =
  await startRolledUpReports(useTestStack());

test('users whose page is full are the same users in rollups and in events', async () => {
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
    await refresh();
  };
  await storeOver([view(null, 0)]);
  const site = await rollups.collections.siteCodes.findOne({ _id: site_id });
  const users = makeUsersOfOnePage(site?.code ?? 0, TIERS[0] as Tier, 2 * PAGE_CAPACITY + 10);
  const early = users.slice(0, 2 * PAGE_CAPACITY);
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

test('unbounded properties overflow within the budget of a bucket, and every report on them is exact', async () => {
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
  const frugal = openRollups(connection, { maxBucketBytes });
  await store.storeEvents(events);
  await passTime();
  await frugal.refresh(new AbortController().signal);

  const site = await rollups.collections.siteCodes.findOne({ _id: site_id });
  const documents = await rollups.collections.counts.find({ '_id.site': site?.code ?? -1 }).toArray();
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
  expect(await verifySite(site_id)).toMatchObject({ invalid: 0, differences: [] });
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
    await refresh();

    const get = async (interval: string) =>
      (await request(app).get('/stats/timeseries').query({ site_id, date, tz, interval })).body;
    const { meta, series } = await get('day');
    expect(meta.source).toBe('rollup');
    expect(series).toMatchObject([{ views: 1, unique_users: 1 }]);
    const hours = (await get('hour')).series;
    expect(hours.map(({ views }: { views: number }) => views)).toEqual([1, ...new Array(23).fill(0)]);
  },
);
