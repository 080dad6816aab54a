import { useTestStack } from '@analytics/local-stack/testing/useTestStack';
import { HOUR_MS } from '@analytics/rollups/calendar';
import type { Invalidations } from '@analytics/rollups/invalidations';
import { forEachConcurrent } from '@analytics/shared/async/forEachConcurrent';
import fc from 'fast-check';
import { beforeEach, expect, test } from 'vitest';
import { createEventStore } from '../../src/events/eventStore.ts';
import { createWriteInvalidator } from '../../src/events/writeInvalidator.ts';
import { createRefresher } from '../../src/rollup/refresher.ts';
import { listOrders, runInOrder } from './programSteps.ts';
import {
  COUNTER_STEPS,
  createEvent,
  createRefreshPrograms,
  MERGER_STEPS,
  ofBucket,
  type Place,
  WRITER_STEPS,
} from './refreshPrograms.ts';
import { startRollups } from './startRollups.ts';
import { type Case, findWrong } from './wrongRollups.ts';

const { Event, rollups, refresh, passServerTime } = await startRollups(useTestStack());
const { collections, invalidations } = rollups;
const { signal } = new AbortController();
const { outcomes, writeEvent, countHour, mergeDay } = createRefreshPrograms(Event, rollups);

const FIRST_MS = Date.parse('2025-01-01T00:00:00Z');
const PASSING_MS = 120_000;

/** Hundreds of small cases take a few seconds, and several times as long on a busy machine. */
const TIMEOUT_MS = 120_000;

/**
 * Cases that share a site: rolling up a site costs as much as many hours, and a refresher reads all its
 * invalidations.
 */
const CASES_PER_SITE = 40;

function listPlaces(count: number, distanceMs: number): Place[] {
  return Array.from({ length: count }, (_, index) => ({
    site_id: `site-${Math.floor(index / CASES_PER_SITE)}`,
    startMs: FIRST_MS + (index % CASES_PER_SITE) * distanceMs,
  }));
}

type State = 'is invalid' | 'was counted' | 'was claimed by a refresher that died';

/** Whose clock runs ahead, and what an hour may have been through before. */
const CLOCKS: Record<string, { serverRunsAhead: boolean; readMs: () => number; meta: State[] }> = {
  'the clock of MongoDB runs ahead': {
    serverRunsAhead: true,
    readMs: () => 0,
    meta: ['is invalid', 'was counted'],
  },
  'the clock of the writer runs ahead': {
    serverRunsAhead: false,
    readMs: createLeapingClock(),
    meta: ['was claimed by a refresher that died'],
  },
};

function createLeapingClock(): () => number {
  let nowMs = 0;
  return () => {
    nowMs += PASSING_MS;
    return nowMs;
  };
}

/**
 * Invalidations that are due at once, all at the same time, as by a clock that steps back again and again.
 */
function runServerClockAhead(): Invalidations {
  return {
    ...invalidations,
    invalidateHours: async (hours) => {
      await invalidations.invalidateHours(hours);
      const ids = hours.map((hour) => ofBucket('hour', hour)._id);
      await collections.invalidations.updateMany({ _id: { $in: ids } }, { $set: { due_at: new Date(0) } });
    },
  };
}

/** Every bucket that is still invalid is exact after a refresh. */
async function expectExact(cases: readonly Case[]): Promise<void> {
  expect(await findWrong(Event, collections, cases)).toEqual([]);
  await passServerTime();
  await refresh();
  expect(await collections.invalidations.countDocuments()).toBe(0);
  expect(await findWrong(Event, collections, cases)).toEqual([]);
}

beforeEach(async () => {
  outcomes.clear();
  await Promise.all([
    Event.deleteMany(),
    ...Object.values(rollupCollections()).map((each) => each.deleteMany({})),
  ]);
  await refresh();
});

function rollupCollections() {
  const { readOptions: _, ...all } = collections;
  return all as Record<string, { deleteMany(filter: object): Promise<unknown> }>;
}

test.each(Object.entries(CLOCKS))(
  'in every order of a writer and a refresher no event is missing while %s',
  async (_clock, { serverRunsAhead, readMs, meta }) => {
    const orders = listOrders(WRITER_STEPS, COUNTER_STEPS);
    const places = listPlaces(orders.length * meta.length, HOUR_MS);
    const cases = places.map((place, index) => {
      const state = meta[index % meta.length];
      const order = orders[Math.floor(index / meta.length)] as number[];
      return { ...place, state, order, name: `an hour that ${state}, ${order.join('')}` };
    });
    const invalidator = createWriteInvalidator(
      serverRunsAhead ? runServerClockAhead() : invalidations,
      readMs,
    );
    const store = createEventStore(Event, invalidator);
    // The writer remembers that all of these rest.
    await store.storeEvents(places.map(createEvent));
    await passServerTime();
    const counted = cases
      .filter(({ state }) => state === 'was counted')
      .map((each) => ofBucket('hour', each)._id);
    const others = await collections.invalidations.find({ _id: { $nin: counted } }).toArray();
    await collections.invalidations.deleteMany({ _id: { $nin: counted } });
    await refresh();
    await collections.invalidations.insertMany(others);
    const claimed = cases.filter(({ state }) => state === 'was claimed by a refresher that died');
    await invalidations.claim(
      await collections.invalidations
        .find({ _id: { $in: claimed.map((each) => ofBucket('hour', each)._id) } })
        .toArray(),
    );

    await forEachConcurrent(8, cases, (each) =>
      runInOrder(each.order, [writeEvent(each, invalidator), countHour(each)]),
    );

    await expectExact(cases);
    expect([...outcomes].sort()).toEqual(['refreshed', 'still-stale']);
  },
  TIMEOUT_MS,
);

test('in every order of a refresher that merges a day and one that counts an hour of it no event is missing', {
  timeout: TIMEOUT_MS,
}, async () => {
  // The one that counts begins: until it writes, it touches nothing that the day depends on.
  const orders = listOrders(MERGER_STEPS, COUNTER_STEPS - 3).map((order) => [1, 1, 1, ...order]);
  const places = listPlaces(orders.length, 24 * HOUR_MS);
  const cases = places.map((place, index) => {
    const order = orders[index] as number[];
    return { ...place, order, name: `a day, ${order.join('')}` };
  });
  const store = createEventStore(Event, createWriteInvalidator(invalidations));
  await store.storeEvents(places.map(createEvent));
  await invalidations.invalidateHours(places.map((place) => ({ ...place, granularity: 'hour' as const })));
  await passServerTime();
  // The day is still stale: its hour was counted, and an event arrived before the day was merged.
  const { refreshDue } = createRefresher({
    ...rollups,
    invalidations: {
      ...invalidations,
      findDue: async (granularity, ...more) =>
        granularity === 'hour' ? invalidations.findDue(granularity, ...more) : [],
    },
  });
  await refreshDue({ signal });
  await store.storeEvents(places.map(createEvent));
  await invalidations.invalidateHours(places.map((place) => ({ ...place, granularity: 'hour' as const })));
  await passServerTime();

  await forEachConcurrent(8, cases, (each) => runInOrder(each.order, [mergeDay(each), countHour(each)]));

  await expectExact(cases);
  expect([...outcomes].sort()).toEqual(['refreshed', 'still-stale']);
});

/**
 * The refresher that counted before the event writes last: with the later version, and with the earlier one.
 */
const LATE_WRITES = [
  [1, 2, 2, 2, 0, 0, 0, 1, 1, 1, 1, 1, 2, 2, 2],
  [1, 1, 1, 0, 0, 0, 2, 2, 2, 2, 2, 2, 1, 1, 1],
];

test('a writer and two refreshers of the same hour lose no event in many orders', {
  timeout: TIMEOUT_MS,
}, async () => {
  const steps = [
    ...new Array<number>(WRITER_STEPS).fill(0),
    ...new Array<number>(COUNTER_STEPS).fill(1),
    ...new Array<number>(COUNTER_STEPS).fill(2),
  ];
  const anyOrder = fc.shuffledSubarray(steps, { minLength: steps.length });
  const orders = [...LATE_WRITES, ...fc.sample(anyOrder, 100)];
  const places = listPlaces(orders.length, HOUR_MS);
  const cases = places.map((place, index) => {
    const order = orders[index] as number[];
    return { ...place, order, name: `an hour, ${order.join('')}` };
  });
  const invalidator = createWriteInvalidator(runServerClockAhead(), () => 0);
  await createEventStore(Event, invalidator).storeEvents(places.map(createEvent));

  await forEachConcurrent(8, cases, (each) =>
    runInOrder(each.order, [writeEvent(each, invalidator), countHour(each), countHour(each)]),
  );

  await expectExact(cases);
  expect([...outcomes].sort()).toEqual(['refreshed', 'still-stale']);
});
