import { useTestStack } from '@analytics/local-stack/testing/useTestStack';
import type { EventJob } from '@analytics/shared/event/event';
import { Types } from 'mongoose';
import { expect, test } from 'vitest';
import { createEventStore } from '../../src/events/eventStore.ts';
import { createEvent } from '../createEvent.ts';
import { openRollups } from '../rollup/openRollups.ts';
import { openStore } from './startConsumer.ts';

const { Event, store } = await openStore(useTestStack());

test('a referrer is stored with its host, properties unchanged, and absent fields not at all', async () => {
  const plain = createEvent();
  const full: EventJob = {
    ...createEvent(),
    referrer: 'https://News.example:8080/today?page=2',
    properties: { plan: 'pro', seats: 3, is_trial: false, toString: 'x' },
  };
  const empty: EventJob = { ...createEvent(), referrer: null, properties: {} };
  const hostless: EventJob = { ...createEvent(), referrer: 'about:client' };
  await store.storeEvents([plain, full, empty, hostless]);

  const stored = await Promise.all(
    [plain, full, empty, hostless].map(({ _id }) =>
      Event.collection.findOne({ _id: new Types.ObjectId(_id) }),
    ),
  );

  const plainFields = Object.keys(stored[0] ?? {});
  expect(plainFields).toEqual([
    '_id',
    'site_id',
    'event_type',
    'path',
    'user_id',
    'timestamp',
    'createdAt',
    'updatedAt',
  ]);
  expect(stored[1]).toMatchObject({
    referrer: 'https://News.example:8080/today?page=2',
    referrer_host: 'news.example',
    properties: { plan: 'pro', seats: 3, is_trial: false, toString: 'x' },
  });
  expect(Object.keys(stored[2] ?? {})).toEqual(plainFields);
  expect(Object.keys(stored[3] ?? {})).toEqual(plainFields);
});

test('no events are stored without a write', async () => {
  expect(await store.storeEvents([])).toEqual([]);
});

test('a write resolves with the outcome of each event, in their order', async () => {
  const [good, refused, duplicate, other] = [
    createEvent(),
    createEvent({ path: '/refused' }),
    createEvent(),
    createEvent(),
  ];
  await store.storeEvents([duplicate]);
  await Event.db.db?.command({ collMod: 'events', validator: { path: { $ne: '/refused' } } });

  expect(await store.storeEvents([good, refused, duplicate, other])).toEqual([
    'stored',
    {
      isFinal: true,
      reason: 'MongoDB refused the event: Document failed validation',
      cause: 'MongoDB refused an event (error 121)',
    },
    'duplicate',
    'stored',
  ]);
});

test('every property name is stored unchanged, even one with a meaning for a library', async () => {
  const names = [
    '_bsontype',
    'toBSON',
    'toJSON',
    'constructor',
    'prototype',
    'hasOwnProperty',
    '_id',
    'size',
    '0',
  ];
  const events: EventJob[] = names.flatMap((name) => [
    { ...createEvent(), properties: { [name]: 'ObjectId', other: 1 } },
    { ...createEvent(), properties: { [name]: 7 } },
  ]);

  expect(await store.storeEvents(events)).toEqual(events.map(() => 'stored'));

  const ids = events.map(({ _id }) => new Types.ObjectId(_id));
  const stored = await Event.collection.find({ _id: { $in: ids } }).toArray();
  const properties = new Map(stored.map((document) => [String(document._id), document['properties']]));
  expect(events.map(({ _id }) => properties.get(_id))).toEqual(events.map((event) => event.properties));
});

const unwritable: [name: string, change: object, reason: RegExp][] = [
  ['cannot be serialized', { user_id: { _bsontype: 'x' } }, /BSON/],
  ['has an invalid date', { timestamp: 'nonsense' }, /timestamp is not a time/],
  ['is larger than a document', { properties: { text: 'x'.repeat(17_000_000) } }, /17000\d\d\d bytes/],
];

test.each(unwritable)(
  'an event that %s is rejected alone; the others are stored',
  async (_name, change, reason) => {
    const culprits = [1, 2].map(() => ({ ...createEvent(), ...change }) as EventJob);
    const [first, second] = culprits as [EventJob, EventJob];
    const others = [createEvent(), createEvent(), createEvent()] as const;
    const refusal = { isFinal: true, reason: expect.stringMatching(reason), cause: expect.any(String) };

    const outcomes = await store.storeEvents([others[0], first, others[1], second, others[2]]);

    expect(outcomes).toEqual(['stored', refusal, 'stored', refusal, 'stored']);
  },
);

test('an event that triggers a bug is rejected alone, and not finally', async () => {
  const events = Array.from({ length: 20 }, (_, index) => createEvent({ path: `/${index}` }));
  const buggy = createEventStore(Event, {
    invalidate: async (records) => {
      if (records.some((record) => /^.(7|13)$/.test((record as unknown as EventJob).path))) {
        throw new TypeError('a bug');
      }
      return async () => {};
    },
    invalidateAgain: async () => {},
  });
  const refusal = {
    isFinal: false,
    reason: 'The event could not be written: a bug',
    cause: 'an event made the writer fail (TypeError)',
  };

  const outcomes = await buggy.storeEvents(events);

  expect(outcomes).toEqual(events.map((_, index) => (index === 7 || index === 13 ? refusal : 'stored')));
});

test('only a duplicate _id counts as a duplicate, not a duplicate in an index of the operator', async () => {
  const [event, other] = [createEvent({ user_id: 'ann' }), createEvent({ user_id: 'ann' })];
  await Event.collection.createIndex(
    { user_id: 1 },
    { unique: true, partialFilterExpression: { user_id: 'ann' } },
  );

  const outcomes = await store.storeEvents([event, event, other]);
  await Event.collection.dropIndex('user_id_1');

  expect(outcomes).toEqual([
    'stored',
    'duplicate',
    {
      isFinal: false,
      reason: expect.stringMatching(/duplicate key .* index: user_id_1 .*"ann"/),
      cause: 'MongoDB refused an event (error 11000, unique index {"user_id":1})',
    },
  ]);
});

test('more events than fit into one command are all stored, with their outcomes in order', async () => {
  const [first, last] = [createEvent(), createEvent()];
  const others = Array.from({ length: 19_998 }, (_, index) =>
    createEvent({ path: `/${index}`.padEnd(2048, 'ñ') }),
  );
  await store.storeEvents([first, last]);

  const outcomes = await store.storeEvents([first, ...others, last]);

  expect(outcomes.filter((outcome) => outcome === 'stored')).toHaveLength(19_998);
  expect([outcomes[0], outcomes[19_999]]).toEqual(['duplicate', 'duplicate']);
});

test('events whose hosts take nine bytes a character are all stored', async () => {
  // 25 MB, of which the texts of the events are 2 MB.
  const referrer = `app://${'\u20ac'.repeat(2000)}`;
  const events = Array.from({ length: 1000 }, () => ({ ...createEvent(), referrer }));

  expect(await store.storeEvents(events)).toEqual(events.map(() => 'stored'));
});

test('the hours of events that a dead worker stored are invalidated again', async () => {
  const { invalidations } = openRollups(Event.db).collections;
  const [stored, missing] = [createEvent({ site_id: 'stored' }), createEvent({ site_id: 'missing' })];
  await store.storeEvents([stored]);
  // As if its worker had ended between the insert and the check, in an hour that was counted meanwhile.
  await invalidations.deleteMany({});

  expect(await store.findMissing([stored, missing])).toEqual([missing]);

  expect(await invalidations.distinct('_id.site_id')).toEqual(['stored']);
});

test('many events are looked up in several short commands', async () => {
  const events = Array.from({ length: 2100 }, () => createEvent());
  const stored = events.filter((_, index) => index % 2 === 0);
  await Event.collection.insertMany(stored.map(({ _id }) => ({ _id: new Types.ObjectId(_id) })) as never);
  await Event.db.db?.setProfilingLevel('all');

  const missing = await store.findMissing(events);

  await Event.db.db?.setProfilingLevel('off');
  expect(missing).toEqual(events.filter((_, index) => index % 2 === 1));
  const profile = Event.db.db?.collection('system.profile');
  const lookups = await profile?.find({ 'command.find': 'events' }).toArray();
  expect(lookups?.map(({ command }) => command.filter._id.$in.length)).toEqual([1000, 1000, 100]);
});
