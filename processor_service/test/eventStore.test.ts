import { startOwnMongo } from '@analytics/local-stack/testing/ownServers';
import { useTestStack } from '@analytics/local-stack/testing/useTestStack';
import type { EventJob } from '@analytics/shared/event';
import { createLogger } from '@analytics/shared/logger';
import { createMongoConnection } from '@analytics/shared/mongo';
import { Types } from 'mongoose';
import { afterEach, expect, test } from 'vitest';
import { parseConfig } from '../src/config/config.ts';
import { connectDatabase } from '../src/config/db.ts';
import { createEventStore } from '../src/eventStore.ts';
import { createEventModel } from '../src/models/Event.model.ts';
import { createEventMarks } from '../src/rollup/eventMarks.ts';
import { createEvent } from './createEvent.ts';
import { createIndexedCollections } from './createIndexedCollections.ts';
import { openRollups } from './openRollups.ts';

const stack = useTestStack();
const server = await startOwnMongo(['--setParameter', 'enableTestCommands=1']);
stack.register(() => server.remove());
const connection = createMongoConnection();
stack.register(() => connection.close());
const Event = createEventModel(connection);
const { signal } = new AbortController();
const MONGO_URI = `mongodb://127.0.0.1:${server.port}/analytics`;
await connectDatabase(connection, parseConfig({ MONGO_URI }), signal);
const store = createEventStore(Event, createEventMarks(openRollups(connection).marks));
const admin = connection.getClient().db('admin');

/** Makes MongoDB fail at its next insert, as its own tests do. */
function failNextInsert(data: Record<string, unknown>) {
  return admin.command({
    configureFailPoint: 'failCommand',
    mode: { times: 1 },
    data: { failCommands: ['insert'], ...data },
  });
}

afterEach(() => admin.command({ configureFailPoint: 'failCommand', mode: 'off' }));

test('a referrer is stored with its host, properties as they are, and nothing of them where there is none', async () => {
  const plain = createEvent();
  const full: EventJob = {
    ...createEvent(),
    referrer: 'https://News.example:8080/today?page=2',
    properties: { plan: 'pro', seats: 3, is_trial: false, toString: 'x' },
  };
  const empty: EventJob = { ...createEvent(), referrer: null, properties: {} };
  await store.storeEvents([plain, full, empty]);

  const stored = await Promise.all(
    [plain, full, empty].map(({ _id }) => Event.collection.findOne({ _id: new Types.ObjectId(_id) })),
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
});

test('the outcome of each event of a write is told in their order', async () => {
  const [good, refused, duplicate, other] = [
    createEvent(),
    createEvent({ path: '/refused' }),
    createEvent(),
    createEvent(),
  ];
  await store.storeEvents([duplicate]);
  await connection.db?.command({ collMod: 'events', validator: { path: { $ne: '/refused' } } });

  expect(await store.storeEvents([good, refused, duplicate, other])).toEqual([
    'stored',
    { rejected: expect.stringContaining('failed validation') },
    'duplicate',
    'stored',
  ]);
});

test.each([91, 189, 10107, 11600, 14031])(
  'a command that fails with the passing code %i is thrown on, to be tried again',
  async (errorCode) => {
    const event = createEvent();
    await failNextInsert({ errorCode });

    await expect(store.storeEvents([event])).rejects.toMatchObject({ code: errorCode });
    expect(await store.storeEvents([event])).toEqual(['stored']);
  },
);

test('a write that a majority did not confirm is thrown on, although it may be stored', async () => {
  const event = createEvent();
  await failNextInsert({ writeConcernError: { code: 64, errmsg: 'waiting for replication timed out' } });

  await expect(store.storeEvents([event])).rejects.toThrow(/replication timed out/);
  expect(await store.storeEvents([event])).toEqual(['duplicate']);
});

test('a write counts only when a majority has it in its journal', async () => {
  await connection.db?.setProfilingLevel('all');
  await store.storeEvents([createEvent()]);
  await connection.db?.setProfilingLevel('off');

  const writes = await connection.db?.collection('system.profile').find({ op: 'insert' }).toArray();

  expect(writes).toMatchObject([{ command: { ordered: false, writeConcern: { w: 'majority', j: true } } }]);
});

test('events that are too many for one command are all stored, and told in their order', async () => {
  const [first, last] = [createEvent(), createEvent()];
  const others = Array.from({ length: 19_998 }, (_, index) =>
    createEvent({ path: `/${index}`.padEnd(2048, 'ñ') }),
  );
  await store.storeEvents([first, last]);

  const outcomes = await store.storeEvents([first, ...others, last]);

  expect(outcomes.filter((outcome) => outcome === 'stored')).toHaveLength(19_998);
  expect([outcomes[0], outcomes[19_999]]).toEqual(['duplicate', 'duplicate']);
});

test('an index that somebody made with other options is left as it is and does not stop the worker', async () => {
  const told: unknown[] = [];
  const logger = {
    ...createLogger({ name: 'x', level: 'silent', isPretty: false }),
    warn: (line: unknown) => told.push(line),
    info: () => {},
  };
  await Event.collection.dropIndexes();
  await Event.collection.createIndex({ timestamp: 1 }, { expireAfterSeconds: 86_400 * 365 * 50 });

  await createIndexedCollections(connection, [Event], { MONGO_URI, logger: logger as never });

  expect(told).toEqual([expect.stringMatching(/^an index is left as it is: /)]);
});
