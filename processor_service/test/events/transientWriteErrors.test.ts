import { startOwnMongo } from '@analytics/local-stack/testing/ownServers';
import { useTestStack } from '@analytics/local-stack/testing/useTestStack';
import { retryUntilDone } from '@analytics/shared/async/retryUntilDone';
import { createMongoConnection } from '@analytics/shared/mongo/mongo';
import { afterEach, expect, test } from 'vitest';
import { parseConfig } from '../../src/config/config.ts';
import { connectDatabase } from '../../src/config/db.ts';
import { isTransientError } from '../../src/database/writeErrors.ts';
import { createEventStore } from '../../src/events/eventStore.ts';
import { createWriteInvalidator } from '../../src/events/writeInvalidator.ts';
import { createEventModel } from '../../src/models/Event.model.ts';
import { createEvent } from '../createEvent.ts';
import { openRollups } from '../rollup/openRollups.ts';

const stack = useTestStack();
const server = await startOwnMongo(['--setParameter', 'enableTestCommands=1']);
stack.register(() => server.remove());
const connection = createMongoConnection();
stack.register(() => connection.close());
const Event = createEventModel(connection);
const { signal } = new AbortController();
const MONGO_URI = `mongodb://127.0.0.1:${server.port}/analytics`;
await connectDatabase(connection, parseConfig({ MONGO_URI }), signal);
const store = createEventStore(Event, createWriteInvalidator(openRollups(connection).invalidations));
const admin = connection.getClient().db('admin');

/** Makes the next insert fail, by the failpoint that MongoDB's own tests use. */
function failNextInsert(data: Record<string, unknown>) {
  return admin.command({
    configureFailPoint: 'failCommand',
    mode: { times: 1 },
    data: { failCommands: ['insert'], ...data },
  });
}

afterEach(() => admin.command({ configureFailPoint: 'failCommand', mode: 'off' }));

test.each([24, 91, 189, 365, 10107, 11600, 11601, 14031])(
  'a command that fails with the transient code %i is thrown and can be repeated',
  async (errorCode) => {
    const event = createEvent();
    await failNextInsert({ errorCode });

    await expect(store.storeEvents([event])).rejects.toMatchObject({ code: errorCode });
    // Like the consumer. After some of these codes the driver first looks for a primary.
    const again = retryUntilDone(() => store.storeEvents([event]), {
      isTransient: isTransientError,
      onFailure: () => {},
      signal: AbortSignal.timeout(10_000),
    });
    expect(await again).toEqual(['stored']);
  },
);

test('a write without the acknowledgement of a majority is thrown, although it may be stored', async () => {
  const event = createEvent();
  await failNextInsert({ writeConcernError: { code: 64, errmsg: 'waiting for replication timed out' } });

  await expect(store.storeEvents([event])).rejects.toThrow(/replication timed out/);
  expect(await store.storeEvents([event])).toEqual(['duplicate']);
});

test('a write counts once it is in the journals of a majority', async () => {
  await connection.db?.setProfilingLevel('all');
  await store.storeEvents([createEvent()]);
  await connection.db?.setProfilingLevel('off');

  const writes = await connection.db?.collection('system.profile').find({ op: 'insert' }).toArray();

  expect(writes).toMatchObject([{ command: { ordered: false, writeConcern: { w: 'majority', j: true } } }]);
});
