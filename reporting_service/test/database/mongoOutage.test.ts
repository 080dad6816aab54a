import { startOwnMongo } from '@analytics/local-stack/testing/ownServers';
import { useTestStack } from '@analytics/local-stack/testing/useTestStack';
import { waitUntil } from '@analytics/local-stack/testing/waitUntil';
import { openRollupCollections, ROLLUP_FORMAT } from '@analytics/rollups/documents';
import request from 'supertest';
import { expect, test } from 'vitest';
import { startApp } from '../startApp.ts';

const shared = useTestStack();

test('while MongoDB is away the answer is 503 within 2 s; it recovers by itself within 5 s', async () => {
  const mongo = await startOwnMongo();
  const stack = { ...shared, MONGO_URI: `mongodb://127.0.0.1:${mongo.port}/analytics` };
  shared.register(() => mongo.remove());
  const { app } = await startApp(stack);
  const get = () => request(app).get('/stats?site_id=a');
  expect((await get()).status).toBe(200);

  await mongo.kill();
  const startedAt = Date.now();
  const refused = await get();
  const answeredAfterMs = Date.now() - startedAt;
  await mongo.restart();
  const restartedAt = Date.now();
  await waitUntil(async () => (await get()).status === 200);

  expect([refused.status, refused.type, refused.headers['retry-after']]).toEqual([
    503,
    'application/problem+json',
    '2',
  ]);
  expect((await request(app).get('/metrics')).text).toMatch(
    /^analytics_reports_refused_total\{reason="mongodb_unavailable"\} [1-9]/m,
  );
  expect(answeredAfterMs).toBeLessThan(2000);
  expect(Date.now() - restartedAt).toBeLessThan(5000);
});

test('while MongoDB hangs the answer is 503 within 2 s, for running and new reports; it recovers by itself', async () => {
  const mongo = await startOwnMongo();
  shared.register(() => mongo.remove());
  const { app } = await startApp({ ...shared, MONGO_URI: `mongodb://127.0.0.1:${mongo.port}/analytics` });
  const get = () => request(app).get('/stats?site_id=a');
  expect((await get()).status).toBe(200);

  await mongo.freeze();
  const startedAt = Date.now();
  const underWay = await get();
  const underWayMs = Date.now() - startedAt;
  const again = await get();
  mongo.resume();
  await waitUntil(async () => (await get()).status === 200);

  expect([underWay.status, again.status]).toEqual([503, 503]);
  expect(underWayMs).toBeLessThan(2000);
});

test('a report that exceeds its time in MongoDB is answered with 503', async () => {
  const mongo = await startOwnMongo(['--setParameter', 'enableTestCommands=1']);
  shared.register(() => mongo.remove());
  const stack = { ...shared, MONGO_URI: `mongodb://127.0.0.1:${mongo.port}/analytics` };
  const { app, connection, admin } = await startApp(stack);
  // A site of which everything is rolled up, which is nothing: no event is read for it.
  const { meta } = openRollupCollections(connection.getClient().db('analytics'));
  await meta.insertOne({ _id: 'backfill', is_complete: true, format: ROLLUP_FORMAT });
  const urls = ['/stats?site_id=a', '/stats?site_id=a&date=2025-11-12'];
  const get = async (url: string) => {
    const { status, headers } = await request(app).get(url);
    return [status, headers['retry-after']];
  };
  expect(await Promise.all(urls.map(get))).toEqual([
    [200, undefined],
    [200, undefined],
  ]);

  await admin.command({ configureFailPoint: 'maxTimeAlwaysTimeOut', mode: 'alwaysOn' });

  expect(await Promise.all(urls.map(get))).toEqual([
    [503, '2'],
    [503, '2'],
  ]);
});

test('all commands of a report share its time limit', async () => {
  const mongo = await startOwnMongo(['--setParameter', 'enableTestCommands=1']);
  shared.register(() => mongo.remove());
  const stack = { ...shared, MONGO_URI: `mongodb://127.0.0.1:${mongo.port}/analytics` };
  const { app, admin, storeSite } = await startApp(stack, { STATS_TIMEOUT_SECONDS: '1' });
  const site_id = await storeSite('2025-11-12T10:00:00Z / ann');
  await admin.command({
    configureFailPoint: 'failCommand',
    mode: 'alwaysOn',
    data: { failCommands: ['aggregate'], blockConnection: true, blockTimeMS: 700 },
  });
  const get = async (path: string) =>
    (await request(app).get(path).query({ site_id, date: '2025-11-12', dimension: 'path' })).status;

  // Each of its questions takes 0.7 of a second, and there are three, one after another.
  expect(await get('/stats/breakdown')).toBe(503);
});
