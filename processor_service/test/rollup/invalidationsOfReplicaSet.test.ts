import { startOwnMongo } from '@analytics/local-stack/testing/ownServers';
import { useTestStack } from '@analytics/local-stack/testing/useTestStack';
import { waitUntil } from '@analytics/local-stack/testing/waitUntil';
import { createMongoConnection } from '@analytics/shared/mongo/mongo';
import { mongo } from 'mongoose';
import { expect, test } from 'vitest';
import { parseConfig } from '../../src/config/config.ts';
import { connectDatabase } from '../../src/config/db.ts';
import { createEventStore } from '../../src/events/eventStore.ts';
import { createWriteInvalidator } from '../../src/events/writeInvalidator.ts';
import { createEventModel } from '../../src/models/Event.model.ts';
import { createEvent } from '../createEvent.ts';
import { openRollups } from './openRollups.ts';

const stack = useTestStack();
const server = await startOwnMongo(['--replSet', 'rs']);
stack.register(() => server.remove());
const host = `127.0.0.1:${server.port}`;
await initiateReplicaSet();
const connection = createMongoConnection();
stack.register(() => connection.close());
const Event = createEventModel(connection);
const { signal } = new AbortController();
await connectDatabase(
  connection,
  parseConfig({ MONGO_URI: `mongodb://${host}/analytics?replicaSet=rs` }),
  signal,
);
const rollups = openRollups(connection);
const store = createEventStore(Event, createWriteInvalidator(rollups.invalidations));

async function initiateReplicaSet(): Promise<void> {
  const client = await mongo.MongoClient.connect(`mongodb://${host}/?directConnection=true`);
  const admin = client.db('admin');
  await admin.command({ replSetInitiate: { _id: 'rs', members: [{ _id: 0, host }] } });
  await waitUntil(async () => (await admin.command({ hello: 1 }))['isWritablePrimary'] === true);
  await client.close();
}

test('the check after an insert reads what a majority has, and nothing older than the insert', async () => {
  await connection.db?.setProfilingLevel('all');
  await store.storeEvents([createEvent({ site_id: 'a' })]);
  await connection.db?.setProfilingLevel('off');

  const profile = connection.db?.collection('system.profile');
  const checks = await profile?.find({ op: 'query', 'command.find': 'rollup_invalidations' }).toArray();
  expect(checks).toMatchObject([
    {
      planSummary: 'IXSCAN { _id: 1 }',
      keysExamined: 1,
      command: { readConcern: { level: 'majority', afterClusterTime: expect.any(mongo.Timestamp) } },
    },
  ]);
  // The oplog tells when each write was done, in the terms of the same clock.
  const oplog = connection.getClient().db('local').collection('oplog.rs');
  const insert = await oplog.findOne({ op: 'i', ns: 'analytics.events' });
  const readAfter = checks?.[0]?.['command'].readConcern.afterClusterTime as mongo.Timestamp;
  expect(readAfter.greaterThanOrEqual(insert?.['ts'])).toBe(true);
});

test('an hour that was counted and resolved meanwhile is invalidated again', async () => {
  const { invalidations } = rollups.collections;
  const event = createEvent({ site_id: 'b' });
  await store.storeEvents([event]);
  await invalidations.deleteMany({});

  expect(await store.storeEvents([event])).toEqual(['duplicate']);

  expect(await invalidations.countDocuments({ '_id.site_id': 'b' })).toBe(1);
});
