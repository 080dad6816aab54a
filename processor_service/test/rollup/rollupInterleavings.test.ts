import { useTestStack } from '@analytics/local-stack/testing/useTestStack';
import { runAtOnce } from '@analytics/shared/async/runAtOnce';
import { HOUR_MS } from '@analytics/shared/rollup/buckets';
import fc from 'fast-check';
import { beforeEach, expect, test } from 'vitest';
import { createEventStore } from '../../src/events/eventStore.ts';
import { createEventMarks } from '../../src/rollup/eventMarks.ts';
import type { Marks } from '../../src/rollup/marks.ts';
import { createRoller } from '../../src/rollup/roller.ts';
import { listOrders, runInOrder } from './programSteps.ts';
import {
  COUNTER_STEPS,
  createEvent,
  createRollupPrograms,
  FOLDER_STEPS,
  ofBucket,
  type Place,
  WRITER_STEPS,
} from './rollupPrograms.ts';
import { startRollups } from './startRollups.ts';
import { type Case, findWrong } from './wrongRollups.ts';

const { Event, rollups, rollUp, passServerTime } = await startRollups(useTestStack());
const { collections, marks } = rollups;
const { signal } = new AbortController();
const { outcomes, writeEvent, countHour, foldDay } = createRollupPrograms(Event, rollups);

const FIRST_MS = Date.parse('2025-01-01T00:00:00Z');
const PASSING_MS = 120_000;

/** Hundreds of small cases take a few seconds, and several times as long on a busy machine. */
const TIMEOUT_MS = 120_000;

/**
 * Cases that share a site: rolling up a site costs as much as many hours, and a roller reads all its marks.
 */
const CASES_PER_SITE = 40;

function listPlaces(count: number, distanceMs: number): Place[] {
  return Array.from({ length: count }, (_, index) => ({
    site_id: `site-${Math.floor(index / CASES_PER_SITE)}`,
    startMs: FIRST_MS + (index % CASES_PER_SITE) * distanceMs,
  }));
}

type State = 'is marked' | 'was counted' | 'was claimed by a roller that died';

/** Whose clock runs ahead, and what an hour may have been through before. */
const CLOCKS: Record<string, { serverRunsAhead: boolean; readMs: () => number; states: State[] }> = {
  'the clock of MongoDB runs ahead': {
    serverRunsAhead: true,
    readMs: () => 0,
    states: ['is marked', 'was counted'],
  },
  'the clock of the writer runs ahead': {
    serverRunsAhead: false,
    readMs: createLeapingClock(),
    states: ['was claimed by a roller that died'],
  },
};

function createLeapingClock(): () => number {
  let nowMs = 0;
  return () => {
    nowMs += PASSING_MS;
    return nowMs;
  };
}

/** Marks that are ripe at once, all at the same time, as by a clock that steps back again and again. */
function runServerClockAhead(): Marks {
  return {
    ...marks,
    markHours: async (hours) => {
      await marks.markHours(hours);
      const ids = hours.map((hour) => ofBucket('hour', hour)._id);
      await collections.marks.updateMany({ _id: { $in: ids } }, { $set: { ripe_at: new Date(0) } });
    },
  };
}

/** What is still marked is right once it is rolled up. */
async function expectExact(cases: readonly Case[]): Promise<void> {
  expect(await findWrong(Event, collections, cases)).toEqual([]);
  await passServerTime();
  await rollUp();
  expect(await collections.marks.countDocuments()).toBe(0);
  expect(await findWrong(Event, collections, cases)).toEqual([]);
}

beforeEach(async () => {
  outcomes.clear();
  await Promise.all([
    Event.deleteMany(),
    ...Object.values(rollupCollections()).map((each) => each.deleteMany({})),
  ]);
  await rollUp();
});

function rollupCollections() {
  const { readOptions: _, ...all } = collections;
  return all as Record<string, { deleteMany(filter: object): Promise<unknown> }>;
}

test.each(Object.entries(CLOCKS))(
  'in every order of a writer and a roller no event is missing while %s',
  async (_clock, { serverRunsAhead, readMs, states }) => {
    const orders = listOrders(WRITER_STEPS, COUNTER_STEPS);
    const places = listPlaces(orders.length * states.length, HOUR_MS);
    const cases = places.map((place, index) => {
      const state = states[index % states.length];
      const order = orders[Math.floor(index / states.length)] as number[];
      return { ...place, state, order, name: `an hour that ${state}, ${order.join('')}` };
    });
    const eventMarks = createEventMarks(serverRunsAhead ? runServerClockAhead() : marks, readMs);
    const store = createEventStore(Event, eventMarks);
    // The writer remembers that all of these rest.
    await store.storeEvents(places.map(createEvent));
    await passServerTime();
    const counted = cases
      .filter(({ state }) => state === 'was counted')
      .map((each) => ofBucket('hour', each)._id);
    const others = await collections.marks.find({ _id: { $nin: counted } }).toArray();
    await collections.marks.deleteMany({ _id: { $nin: counted } });
    await rollUp();
    await collections.marks.insertMany(others);
    const claimed = cases.filter(({ state }) => state === 'was claimed by a roller that died');
    await marks.claim(
      await collections.marks
        .find({ _id: { $in: claimed.map((each) => ofBucket('hour', each)._id) } })
        .toArray(),
    );

    await runAtOnce(8, cases, (each) =>
      runInOrder(each.order, [writeEvent(each, eventMarks), countHour(each)]),
    );

    await expectExact(cases);
    expect([...outcomes].sort()).toEqual(['left', 'rolled up']);
  },
  TIMEOUT_MS,
);

test('in every order of a roller that folds a day and one that counts an hour of it no event is missing', {
  timeout: TIMEOUT_MS,
}, async () => {
  // The one that counts begins: until it writes, it touches nothing that the day depends on.
  const orders = listOrders(FOLDER_STEPS, COUNTER_STEPS - 3).map((order) => [1, 1, 1, ...order]);
  const places = listPlaces(orders.length, 24 * HOUR_MS);
  const cases = places.map((place, index) => {
    const order = orders[index] as number[];
    return { ...place, order, name: `a day, ${order.join('')}` };
  });
  const store = createEventStore(Event, createEventMarks(marks));
  await store.storeEvents(places.map(createEvent));
  await marks.markHours(places.map((place) => ({ ...place, granularity: 'hour' as const })));
  await passServerTime();
  // The day was left: its hour was counted, and an event came late before it was folded.
  const { rollUpRipe } = createRoller({
    ...rollups,
    marks: {
      ...marks,
      findRipe: async (granularity, ...more) =>
        granularity === 'hour' ? marks.findRipe(granularity, ...more) : [],
    },
  });
  await rollUpRipe({ signal });
  await store.storeEvents(places.map(createEvent));
  await marks.markHours(places.map((place) => ({ ...place, granularity: 'hour' as const })));
  await passServerTime();

  await runAtOnce(8, cases, (each) => runInOrder(each.order, [foldDay(each), countHour(each)]));

  await expectExact(cases);
  expect([...outcomes].sort()).toEqual(['left', 'rolled up']);
});

/** The roller that counted before the event writes last: with the later edition, and with the earlier one. */
const LATE_WRITES = [
  [1, 2, 2, 2, 0, 0, 0, 1, 1, 1, 1, 1, 2, 2, 2],
  [1, 1, 1, 0, 0, 0, 2, 2, 2, 2, 2, 2, 1, 1, 1],
];

test('a writer and two rollers of the same hour lose no event in many orders', {
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
  const eventMarks = createEventMarks(runServerClockAhead(), () => 0);
  await createEventStore(Event, eventMarks).storeEvents(places.map(createEvent));

  await runAtOnce(8, cases, (each) =>
    runInOrder(each.order, [writeEvent(each, eventMarks), countHour(each), countHour(each)]),
  );

  await expectExact(cases);
  expect([...outcomes].sort()).toEqual(['left', 'rolled up']);
});
