import { connect, createServer, type Socket } from 'node:net';
import { startOwnRedis } from '@analytics/local-stack/testing/ownServers';
import { useTestStack } from '@analytics/local-stack/testing/useTestStack';
import { waitUntil } from '@analytics/local-stack/testing/waitUntil';
import type { Redis } from 'ioredis';
import { expect, test } from 'vitest';
import {
  closeRedis,
  createRequestRedis,
  createWorkerRedis,
  renewRedisConnection,
} from '../../src/redis/redis.ts';
import { createRedisProbe, type RedisProbe } from '../../src/redis/redisProbe.ts';

const stack = useTestStack();
const server = await startOwnRedis();
stack.register(() => server.remove());

function open(create: typeof createRequestRedis, port: number): { redis: Redis; probe: RedisProbe } {
  const redis = create({ REDIS_HOST: '127.0.0.1', REDIS_PORT: port });
  stack.register(() => redis.disconnect());
  return { redis, probe: createRedisProbe(redis, 'bull:queue') };
}

function countListeners(redis: Redis): number[] {
  return ['error', 'close', 'ready'].map((event) => redis.listenerCount(event));
}

const connections: [name: string, create: typeof createRequestRedis][] = [
  ['request', createRequestRedis],
  ['worker', createWorkerRedis],
];

test.each(connections)(
  'probes of a Redis that hangs do not pile up on the %s connection',
  async (_name, create) => {
    const { redis, probe } = open(create, server.port);
    await probe();
    await server.freeze();
    const first = probe();
    const before = countListeners(redis);

    const others = Array.from({ length: 20 }, probe);
    const during = countListeners(redis);
    server.resume();
    await Promise.all([first, ...others]);

    expect(during).toEqual(before);
    await expect(probe()).resolves.toBeUndefined();
  },
);

test('a connection that never gets a greeting is opened again', async () => {
  const sockets: Socket[] = [];
  // The first connection leads nowhere, as after the death of a machine; the others lead to Redis.
  const door = createServer((socket) => {
    if (sockets.push(socket) > 1) {
      socket.pipe(connect(server.port, '127.0.0.1')).pipe(socket);
    }
    socket.on('error', () => {});
  }).listen(0, '127.0.0.1');
  stack.register(() => {
    for (const socket of sockets) {
      socket.destroy();
    }
    door.close();
  });
  await waitUntil(() => door.listening);
  const { redis, probe } = open(createWorkerRedis, (door.address() as { port: number }).port);
  await waitUntil(() => redis.status === 'connect');

  const probing = probe();
  renewRedisConnection(redis);
  await expect(probing).rejects.toThrow('no answer on this connection');

  await expect(
    waitUntil(() =>
      probe().then(
        () => 'usable',
        () => '',
      ),
    ),
  ).resolves.toBe('usable');
});

test.each(connections)(
  'the %s connection to a Redis that hangs is closed within two seconds',
  async (_name, create) => {
    const { redis, probe } = open(create, server.port);
    await probe();
    await server.freeze();

    const startedMs = performance.now();
    await closeRedis(redis).finally(() => server.resume());

    expect(performance.now() - startedMs).toBeLessThan(2000);
  },
);
