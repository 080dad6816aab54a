import { useTestStack } from '@analytics/local-stack/testing/useTestStack';
import { waitUntil } from '@analytics/local-stack/testing/waitUntil';
import { expect, test } from 'vitest';
import {
  connectMongo,
  createMongoConnection,
  createMongoProbe,
  describeMongo,
  requireDatabase,
} from '../../src/mongo/mongo.ts';

const stack = useTestStack();

test.each([
  ['mongodb://127.0.0.1:27017/analytics', 'MongoDB at 127.0.0.1:27017'],
  ['mongodb://someone:p%40ss@one:1,two:2/analytics?replicaSet=x', 'MongoDB at one:1,two:2'],
  ['mongodb+srv://someone:secret@cluster.example.net/?w=majority', 'MongoDB at cluster.example.net'],
  ['mongodb://someone:secret@localhost', 'MongoDB at localhost'],
])('the description of %s contains its hosts and no credentials', (uri, description) => {
  expect(describeMongo(uri)).toBe(description);
});

test('attempts to connect end with the signal, and until then a ping reports the reason', async () => {
  const connection = createMongoConnection();
  const stopping = new AbortController();
  const uri = 'mongodb://127.0.0.1:1/x';
  const { ping } = createMongoProbe(connection, uri);

  const connecting = connectMongo(connection, uri, stopping.signal, {
    serverSelectionTimeoutMS: 50,
  });
  const readReason = () => ping().then(String, ({ message }: Error) => message);
  // On a busy machine a try may end by its time limit. The trying ends before another one can give its own
  // reason.
  await waitUntil(readReason, (reason) => reason.includes('ECONNREFUSED'));
  stopping.abort();
  const failure = await connecting;
  expect(() => requireDatabase(connection, 'mongodb://me:secret@127.0.0.1:1/x', failure)).toThrow(
    /^MongoDB at 127\.0\.0\.1:1 can't be used: connect ECONNREFUSED 127\.0\.0\.1:1$/,
  );
});

test('reports and rollups read from the primary, whatever the URI says', async () => {
  const connection = createMongoConnection();
  stack.register(() => connection.close());
  const uri = `${stack.MONGO_URI}?readPreference=secondaryPreferred`;

  await connectMongo(connection, uri, new AbortController().signal, {});

  expect(connection.getClient().options.readPreference.mode).toBe('primary');
});
