import { startOwnMongo } from '@analytics/local-stack/testing/ownServers';
import { useTestStack } from '@analytics/local-stack/testing/useTestStack';
import { waitUntil } from '@analytics/local-stack/testing/waitUntil';
import { closeMongo, createMongoConnection } from '@analytics/shared/mongo/mongo';
import { afterEach, expect, test } from 'vitest';
import { createClient } from './client.ts';
import { type ServiceProcess, startService, startServices } from './startServices.ts';

const shared = useTestStack();
const mongo = await startOwnMongo(['--setParameter', 'enableTestCommands=1']);
shared.register(() => mongo.remove());
const stack = { ...shared, MONGO_URI: `mongodb://127.0.0.1:${mongo.port}/analytics` };
const connection = createMongoConnection();
shared.register(() => closeMongo(connection));
await connection.openUri(stack.MONGO_URI);
const events = connection.collection('events');
const admin = connection.getClient().db('admin');

await events.insertMany(
  Array.from({ length: 1000 }, (_, index) => ({
    site_id: 'old',
    event_type: 'page_view',
    path: `/${index}`,
    user_id: null,
    timestamp: new Date('2025-11-12T10:00:00Z'),
  })),
);

afterEach(async () => {
  await releaseBuilds();
});

/** Has MongoDB hold each index build after it has read the collection, as its own tests do. */
function holdBuilds() {
  return admin.command({ configureFailPoint: 'hangAfterStartingIndexBuild', mode: 'alwaysOn' });
}

function releaseBuilds() {
  return admin.command({ configureFailPoint: 'hangAfterStartingIndexBuild', mode: 'off' });
}

async function readWarnings({ url }: ServiceProcess): Promise<{ status: number; warnings: string[] }> {
  const response = await fetch(`${url}/readyz`);
  const lines = (await response.text())
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  return {
    status: response.status,
    warnings: lines.find(({ dependency }) => dependency === 'mongodb')?.warnings ?? [],
  };
}

function findLines({ log }: ServiceProcess, pattern: RegExp) {
  return log.filter(({ msg }) => pattern.test(String(msg))).map(({ msg }) => String(msg));
}

test('workers store events while the indexes are built, log the progress, and build rollups afterwards', async () => {
  await holdBuilds();
  const { processor, ...services } = await startServices(stack);
  const second = await startService('processor_service', stack);
  const { postEvent, getStats } = createClient({ processor, ...services });
  const event = { site_id: 'new', event_type: 'page_view', path: '/', timestamp: '2025-11-12T19:30:01Z' };

  await waitUntil(async () => (await postEvent(event)).status === 202);
  await waitUntil(
    () => getStats('new'),
    (answer) => answer?.total_views === 1,
  );
  for (const worker of [processor, second]) {
    const { status } = await waitUntil(
      () => readWarnings(worker),
      ({ warnings: [warning = ''] }) => warning.includes('(events: scanning collection, 1000/1000)'),
    );
    expect(status).toBe(200);
    await waitUntil(
      () => findLines(worker, /^building the indexes; events are stored meanwhile$/).length === 1,
    );
  }
  expect(await connection.collection('rollup_meta').countDocuments()).toBe(0);
  const stopping = performance.now();
  expect(await second.stop()).toBe(0);
  expect(performance.now() - stopping).toBeLessThan(5000);

  await releaseBuilds();
  await waitUntil(() => findLines(processor, /^the indexes are built$/).length === 1);
  expect(await readWarnings(processor)).toEqual({ status: 200, warnings: [] });
  expect((await events.listIndexes().toArray()).map(({ key }) => key)).toEqual([
    { _id: 1 },
    { site_id: 1, timestamp: 1, path: 1, user_id: 1 },
    { timestamp: 1 },
    { site_id: 1, path: 1 },
  ]);
  await waitUntil(() => connection.collection('rollup_counts').countDocuments());
  const warnings = [...processor.log, ...second.log].filter(({ level }) => Number(level) > 30);
  // The Redis of the tests may lose the last second, and the workers say so.
  expect(warnings.filter(({ msg }) => !String(msg).startsWith('This Redis can lose'))).toEqual([]);
});
