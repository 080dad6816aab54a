import { mkdir, writeFile } from 'node:fs/promises';
import { totalmem } from 'node:os';
import { join } from 'node:path';
import { startRedisServer } from '@analytics/local-stack/redisServer';
import { Redis } from 'ioredis';
import { expect, onTestFinished, test } from 'vitest';
import { findOwnRedis } from './ownProgram.ts';
import { makeTemporaryFolder } from './temporaryFolder.ts';

async function startOwnRedis(options: { port: number; dataFolder: string; args?: string[] }) {
  const server = await startRedisServer({ program: await findOwnRedis(), appendfsync: 'always', ...options });
  onTestFinished(() => server.kill());
  return server;
}

async function useRedis<Value>(port: number, use: (redis: Redis) => Promise<Value>): Promise<Value> {
  const redis = new Redis(port, '127.0.0.1');
  try {
    return await use(redis);
  } finally {
    redis.disconnect();
  }
}

test('answers as soon as it is started, and keeps its data across a SIGKILL and a restart', async () => {
  const dataFolder = await makeTemporaryFolder();
  const first = await startOwnRedis({ port: 0, dataFolder });
  expect(await useRedis(first.port, (redis) => redis.set('key', 'value'))).toBe('OK');
  await first.kill();
  const second = await startOwnRedis({ port: first.port, dataFolder });
  expect(await useRedis(second.port, (redis) => redis.get('key'))).toBe('value');
});

test('writes every change to disk, takes no snapshots and never evicts; further arguments override the defaults', async () => {
  const { port } = await startOwnRedis({
    port: 0,
    dataFolder: await makeTemporaryFolder(),
    args: ['--maxmemory', '50mb'],
  });
  const names = ['appendonly', 'appendfsync', 'save', 'maxmemory-policy', 'maxmemory', 'bind'];
  const settings = await useRedis(port, (redis) =>
    Promise.all(names.map(async (name) => ((await redis.config('GET', name)) as string[])[1])),
  );
  expect(settings).toEqual(['yes', 'always', '', 'noeviction', '52428800', '127.0.0.1']);
});

test('sets maxmemory to half of the memory, so that events are refused before the memory is full', async () => {
  const { port } = await startOwnRedis({ port: 0, dataFolder: await makeTemporaryFolder() });
  const [, maxMemory] = (await useRedis(port, (redis) => redis.config('GET', 'maxmemory'))) as string[];

  expect(Number(maxMemory)).toBeGreaterThan(0);
  expect(Number(maxMemory)).toBeLessThanOrEqual(totalmem() / 2);
});

test('reports that a given port is in use', async () => {
  const { port } = await startOwnRedis({ port: 0, dataFolder: await makeTemporaryFolder() });
  const dataFolder = await makeTemporaryFolder();
  await expect(startOwnRedis({ port, dataFolder })).rejects.toMatchObject({
    message: expect.stringMatching(/^Redis ended while starting, exit code 1: Failed listening on port \d+/),
    isPortTaken: true,
  });
});

test('does not start a Redis that could not read the data of a newer one', async () => {
  const dataFolder = await makeTemporaryFolder();
  await mkdir(join(dataFolder, 'appendonlydir'));
  // Its own --version is all that is needed of the older one.
  const program = join(await makeTemporaryFolder(), 'redis-server');
  await writeFile(program, '#!/bin/sh\necho "Redis server v=6.2.14 sha=0"\n', { mode: 0o755 });
  await expect(startRedisServer({ program, port: 0, dataFolder })).rejects.toThrow(
    `${dataFolder} holds the data of a Redis from 7.0 on, which ${program} (6.2) would not see`,
  );
});
