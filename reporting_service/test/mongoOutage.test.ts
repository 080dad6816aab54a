import { startOwnMongo } from '@analytics/local-stack/testing/ownServers';
import { useTestStack } from '@analytics/local-stack/testing/useTestStack';
import { waitUntil } from '@analytics/local-stack/testing/waitUntil';
import request from 'supertest';
import { expect, test } from 'vitest';
import { startApp } from './startApp.ts';

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
  expect(answeredAfterMs).toBeLessThan(2000);
  expect(Date.now() - restartedAt).toBeLessThan(5000);
});

test('while MongoDB hangs the answer is 503 within 2 s, for a report under way as for a new one; it recovers by itself', async () => {
  const mongo = await startOwnMongo();
  shared.register(() => mongo.remove());
  const { app } = await startApp({ ...shared, MONGO_URI: `mongodb://127.0.0.1:${mongo.port}/analytics` });
  const get = () => request(app).get('/stats?site_id=a');
  expect((await get()).status).toBe(200);

  process.kill(mongo.pid, 'SIGSTOP');
  const startedAt = Date.now();
  const underWay = await get();
  const underWayMs = Date.now() - startedAt;
  const again = await get();
  process.kill(mongo.pid, 'SIGCONT');
  await waitUntil(async () => (await get()).status === 200);

  expect([underWay.status, again.status]).toEqual([503, 503]);
  expect(underWayMs).toBeLessThan(2000);
});

test('a report that takes MongoDB too long is answered with 503', async () => {
  const mongo = await startOwnMongo(['--setParameter', 'enableTestCommands=1']);
  shared.register(() => mongo.remove());
  const stack = { ...shared, MONGO_URI: `mongodb://127.0.0.1:${mongo.port}/analytics` };
  const { app, admin } = await startApp(stack);
  await admin.command({ configureFailPoint: 'maxTimeAlwaysTimeOut', mode: 'alwaysOn' });

  const response = await request(app).get('/stats?site_id=a');

  expect([response.status, response.headers['retry-after']]).toEqual([503, '2']);
});

test('reports past those that may run and wait at once are refused with 503; the others are answered', async () => {
  const mongo = await startOwnMongo(['--setParameter', 'enableTestCommands=1']);
  shared.register(() => mongo.remove());
  const stack = { ...shared, MONGO_URI: `mongodb://127.0.0.1:${mongo.port}/analytics` };
  const { app, admin } = await startApp(stack, { STATS_MAX_CONCURRENT: '2' });
  await admin.command({
    configureFailPoint: 'failCommand',
    mode: 'alwaysOn',
    data: { failCommands: ['aggregate'], blockConnection: true, blockTimeMS: 500 },
  });
  const get = async () => (await request(app).get('/stats?site_id=a')).status;

  const statuses = await Promise.all(Array.from({ length: 6 }, get));
  await admin.command({ configureFailPoint: 'failCommand', mode: 'off' });

  expect(statuses.sort()).toEqual([200, 200, 200, 200, 503, 503]);
  expect(await get()).toBe(200);
});
