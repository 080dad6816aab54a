import { setImmediate as nextTurn } from 'node:timers/promises';
import { findFreePort } from '@analytics/local-stack/freePort';
import { startOwnRedis } from '@analytics/local-stack/testing/ownServers';
import { useTestStack } from '@analytics/local-stack/testing/useTestStack';
import { waitUntil } from '@analytics/local-stack/testing/waitUntil';
import { Redis } from 'ioredis';
import { expect, test } from 'vitest';
import { createRequestRedis, createWorkerRedis } from '../../src/redis/redis.ts';
import { createRedisProbe, type RedisProbe } from '../../src/redis/redisProbe.ts';
import { readVerdict } from './readVerdict.ts';

const stack = useTestStack();

function open(create: typeof createRequestRedis, port: number): { redis: Redis; probe: RedisProbe } {
  const redis = create({ REDIS_HOST: '127.0.0.1', REDIS_PORT: port });
  stack.register(() => redis.disconnect());
  return { redis, probe: createRedisProbe(redis, 'bull:queue') };
}

test('a command of a worker waits while Redis accepts no writes, and runs afterwards', async () => {
  const own = await startOwnRedis();
  stack.register(() => own.remove());
  const [worker, requests] = [createWorkerRedis, createRequestRedis].map((create) =>
    open(create, own.port),
  ) as [ReturnType<typeof open>, ReturnType<typeof open>];
  const control = new Redis(own.port);
  stack.register(() => control.quit());
  await Promise.all([worker.probe(), requests.probe()]);
  await control.replicaof('127.0.0.1', await findFreePort());

  const waiting = worker.redis.incr('bull:count');
  await expect(requests.redis.incr('bull:count')).rejects.toThrow(/^READONLY/);
  const verdict = await readVerdict(worker);
  await control.replicaof('NO', 'ONE');

  expect(verdict).toMatch(/it is a read-only replica/);
  expect(await waiting).toBe(1);
  await waitUntil(
    () => readVerdict(requests),
    (answer) => answer === 'usable',
  );
});

test('while commands of a worker are sent again and again to a replica, each of its probes reports the replica', async () => {
  const own = await startOwnRedis();
  stack.register(() => own.remove());
  const worker = open(createWorkerRedis, own.port);
  const control = new Redis(own.port);
  stack.register(() => control.quit());
  await worker.probe();
  await control.replicaof('127.0.0.1', await findFreePort());

  const waiting = worker.redis.incr('bull:count');
  const verdicts: string[] = [];
  let refusals = 0;
  worker.redis.on('refused', () => {
    refusals += 1;
  });
  // A probe begins in each state of a connection: connected, reconnecting and connecting.
  while (refusals < 3) {
    const startedMs = performance.now();
    const verdict = await worker.probe().then(() => 'usable', String);
    verdicts.push(performance.now() - startedMs < 450 ? verdict : 'no answer');
    await nextTurn();
  }
  await control.replicaof('NO', 'ONE');

  expect([...new Set(verdicts)]).toEqual([expect.stringMatching(/it is a read-only replica/)]);
  expect(await waiting).toBe(1);
});

test('a command of a worker waits while Redis loads its data, and the probe reports that', async () => {
  // Microseconds a key, so that reading takes a moment; Redis answers after each thousandth key.
  const own = await startOwnRedis(['--key-load-delay', '300']);
  stack.register(() => own.remove());
  const worker = open(createWorkerRedis, own.port);
  const writing = worker.redis.pipeline();
  for (let key = 0; key < 5000; key += 1) {
    writing.set(`bull:${key}`, '');
  }
  await writing.exec();
  await own.kill();

  const restarting = own.restart();
  const waiting = worker.redis.incr('bull:count');
  const verdict = await waitUntil(
    () => worker.probe().catch(String),
    (answer) => answer === undefined || /LOADING/.test(answer),
  );
  await restarting;

  expect(verdict).toMatch(/LOADING Redis is loading the dataset in memory/);
  expect(await waiting).toBe(1);
});
