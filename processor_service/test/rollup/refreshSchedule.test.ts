import { startOwnRedis } from '@analytics/local-stack/testing/ownServers';
import { useTestStack } from '@analytics/local-stack/testing/useTestStack';
import { waitUntil } from '@analytics/local-stack/testing/waitUntil';
import { closeRedis, createWorkerRedis } from '@analytics/shared/redis/redis';
import { createLogger } from '@analytics/shared/service/logger';
import { Redis } from 'ioredis';
import { expect, test } from 'vitest';
import { startRefreshSchedule } from '../../src/rollup/refreshSchedule.ts';

const stack = useTestStack();
const logger = createLogger({ name: 'processor_service', level: 'silent', isPretty: false });

const names = { queueName: 'eventQueue', queuePrefix: 'bull' };
const META_KEY = 'bull:eventQueue-rollups:meta';

/** One processor's schedule; `starts` holds when its rollups began. */
function startSchedule(port: number, intervalMs: number) {
  const redis = createWorkerRedis({ REDIS_HOST: '127.0.0.1', REDIS_PORT: port });
  stack.register(() => closeRedis(redis));
  const starts: number[] = [];
  const schedule = startRefreshSchedule({
    redis,
    redisWatch: { isUp: true },
    ...names,
    refresh: async () => {
      starts.push(Date.now());
    },
    logger,
    intervalMs,
  });
  stack.register(() => schedule.close());
  return starts;
}

async function startServer() {
  const server = await startOwnRedis();
  stack.register(() => server.remove());
  const admin = new Redis(server.port);
  stack.register(() => admin.quit());
  return { server, admin };
}

test('a flushed Redis gets the schedule and its limit again', async () => {
  const { server, admin } = await startServer();
  const starts = startSchedule(server.port, 200);
  await waitUntil(() => starts.length >= 2);

  await admin.flushall();
  const before = starts.length;
  await waitUntil(() => starts.length >= before + 3);

  expect(await admin.hget(META_KEY, 'concurrency')).toBe('1');
});

test('a Redis that comes back empty gets the schedule at once, not at the next interval', async () => {
  const { server, admin } = await startServer();
  const starts = startSchedule(server.port, 60_000);
  await waitUntil(() => starts.length === 1);
  await admin.flushall();

  await admin.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
  await waitUntil(() => starts.length === 2);

  expect(await admin.hget(META_KEY, 'concurrency')).toBe('1');
});

test('processors that write the same schedule again and again have one rollup an interval', async () => {
  const { server } = await startServer();
  const processors = [1, 2, 3].map(() => startSchedule(server.port, 300));
  await waitUntil(() => processors.flat().length >= 6);

  const starts = processors.flat().sort((a, b) => a - b);
  const tookMs = (starts.at(-1) ?? 0) - (starts[0] ?? 0);

  expect(starts.length).toBeLessThanOrEqual(2 + tookMs / 300);
});
