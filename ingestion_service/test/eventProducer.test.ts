import { startOwnRedis } from '@analytics/local-stack/testing/ownServers';
import { useTestStack } from '@analytics/local-stack/testing/useTestStack';
import { waitUntil } from '@analytics/local-stack/testing/waitUntil';
import { createEventId } from '@analytics/shared/event/eventId';
import { closeServer } from '@analytics/shared/http/closeServer';
import request from 'supertest';
import { expect, test } from 'vitest';
import { startApp } from './startApp.ts';

const event = { site_id: 's', event_type: 'page_view', path: '/', timestamp: '2025-11-12T19:30:01Z' };

const stack = useTestStack();
const redis = await startOwnRedis();
stack.register(() => redis.remove());
const { app, queue, enqueueEvents } = await startApp({ ...stack, REDIS_PORT: redis.port });
queue.on('error', () => {});

const post = () => request(app).post('/event').send(event);
const waitUntilAccepted = () => waitUntil(async () => (await post()).status === 202);

test('while Redis refuses connections the answer is 503 with Retry-After; it recovers by itself within 5 s', async () => {
  await waitUntilAccepted();
  await redis.stop();

  const refused = await post();
  await waitUntil(async () => (await request(app).get('/readyz')).status === 503);
  await redis.restart();
  const restartedAt = Date.now();
  await waitUntilAccepted();

  expect([refused.status, refused.type, refused.headers['retry-after']]).toEqual([
    503,
    'application/problem+json',
    '2',
  ]);
  expect(Date.now() - restartedAt).toBeLessThan(5000);
});

test('while Redis hangs the answer is 503 within 2 s; it recovers by itself', async () => {
  await waitUntilAccepted();
  await redis.freeze();

  const startedAt = Date.now();
  const refused = await post();
  const answeredAfterMs = Date.now() - startedAt;
  redis.resume();
  await waitUntilAccepted();

  expect([refused.status, refused.headers['retry-after']]).toEqual([503, '2']);
  expect(answeredAfterMs).toBeLessThan(2000);
});

test('an accepted event survives a kill of Redis', async () => {
  await waitUntilAccepted();
  const before = await queue.getWaitingCount();
  expect((await post()).status).toBe(202);

  await redis.kill();
  await redis.restart();
  await waitUntil(async () => (await request(app).get('/readyz')).status === 200);

  expect(await queue.getWaitingCount()).toBe(before + 1);
});

test('events that arrive during a write share the next writes, and each is acknowledged', async () => {
  await waitUntilAccepted();
  await queue.obliterate({ force: true });
  const enqueue = () => enqueueEvents([{ ...event, user_id: null, _id: createEventId() }]);

  const first = enqueue();
  // The producer writes in this turn of the event loop, and gets Redis' answer in a later one.
  await new Promise(setImmediate);
  const others = Array.from({ length: 99 }, enqueue);
  await Promise.all([first, ...others]);

  const jobs = await queue.getJobs(['waiting']);
  const sizes = jobs.map(({ data }): number => data.events?.length ?? 1);
  expect(sizes.reduce((sum, size) => sum + size, 0)).toBe(100);
  // The first event, a second write once it was large enough, and all others.
  expect(sizes).toHaveLength(3);
});

test('a batch is one job', async () => {
  await waitUntilAccepted();
  await queue.obliterate({ force: true });
  const batches = [300, 300, 1, 500].map((count, batch) =>
    Array.from({ length: count }, (_, index) => ({ ...event, path: `/${batch}/${index}` })),
  );
  const server = app.listen(0);
  stack.register(() => closeServer(server));

  const answers = await Promise.all(
    batches.map((events) => request(server).post('/events').send({ events })),
  );

  const jobs = await queue.getJobs(['waiting']);
  const places = jobs.flatMap(({ data }) =>
    (data.events ?? [data]).map(({ path }: { path: string }) => path.split('/')[1]),
  );
  expect(answers.map(({ body }) => body)).toEqual(
    batches.map(({ length }) => ({ success: true, accepted: length })),
  );
  expect(places.length).toBe(1101);
  for (const { data } of jobs) {
    const paths = new Set((data.events ?? [data]).map(({ path }: { path: string }) => path.split('/')[1]));
    const whole = [...paths].reduce((sum: number, batch) => sum + (batches[Number(batch)]?.length ?? 0), 0);
    expect(data.events?.length ?? 1).toBe(whole);
  }
});
