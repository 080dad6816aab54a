import { startOwnRedis } from '@analytics/local-stack/testing/ownServers';
import { useTestStack } from '@analytics/local-stack/testing/useTestStack';
import { waitUntil } from '@analytics/local-stack/testing/waitUntil';
import { Redis } from 'ioredis';
import request from 'supertest';
import { expect, test } from 'vitest';
import { startApp } from './startApp.ts';

const stack = useTestStack();
const event = { site_id: 's', event_type: 'page_view', path: '/', timestamp: '2025-11-12T19:30:01Z' };

test('past the high-water mark of the queue the answer is 503; it recovers when the queue is shorter', async () => {
  const { app, queue } = await startApp(stack, { maxWaitingEvents: 20 });
  const post = () => request(app).post('/event').send(event);
  await waitUntil(async () => (await post()).status === 202);

  const refused = await waitUntil(post, ({ status }) => status !== 202);
  const waiting = await queue.count();
  await queue.drain();
  await waitUntil(async () => (await post()).status === 202);

  expect([refused.status, refused.headers['retry-after'], JSON.parse(refused.text).detail]).toEqual([
    503,
    '2',
    'Too many events are waiting to be stored. Try again.',
  ]);
  expect(waiting).toBeGreaterThanOrEqual(20);
});

test('a batch counts as its events', async () => {
  const { app, queue } = await startApp({ ...stack, QUEUE_NAME: 'batches' }, { maxWaitingEvents: 20_000 });
  const post = () =>
    request(app)
      .post('/events')
      .send({ events: Array(500).fill(event) });
  await waitUntil(async () => (await post()).status === 202);

  await waitUntil(post, ({ status }) => status === 503);

  // 40 jobs hold 20,000 events; the mean needs some jobs to find out how many events there are in one.
  expect(await queue.count()).toBeLessThan(150);
});

test('past the high-water mark of Redis memory the answer is 503; it recovers when there is room again', async () => {
  const server = await startOwnRedis();
  stack.register(() => server.remove());
  const redis = new Redis(server.port, '127.0.0.1');
  stack.register(() => redis.quit());
  const { app } = await startApp({ ...stack, REDIS_PORT: server.port }, { maxMemoryPercent: 80 });
  const post = () => request(app).post('/event').send(event);
  await waitUntil(async () => (await post()).status === 202);
  const used = Number(/^used_memory:(\d+)/m.exec(await redis.info('memory'))?.[1]);

  await redis.config('SET', 'maxmemory', Math.round(used / 0.9));
  const refused = await waitUntil(post, ({ status }) => status !== 202);
  await redis.config('SET', 'maxmemory', used * 10);
  await waitUntil(async () => (await post()).status === 202);

  expect([refused.status, JSON.parse(refused.text).detail]).toEqual([
    503,
    'The event queue is nearly full. Try again.',
  ]);
});
