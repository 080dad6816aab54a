import { once } from 'node:events';
import { access } from 'node:fs/promises';
import { createServer } from 'node:http';
import { findFreePort } from '@analytics/local-stack/freePort';
import { identifyMongo, identifyRedis } from '@analytics/local-stack/listeningServer';
import { startRedisServer } from '@analytics/local-stack/redisServer';
import { describeStack } from '@analytics/local-stack/screen';
import { type StackOptions, startStack } from '@analytics/local-stack/stack';
import { startTestServers } from '@analytics/local-stack/testServers';
import { Redis } from 'ioredis';
import { expect, onTestFinished, test } from 'vitest';
import { findOwnRedis } from './ownProgram.ts';
import { makeTemporaryFolder } from './temporaryFolder.ts';

async function createOptions(): Promise<
  Required<Pick<StackOptions, 'rootFolder' | 'redisPort' | 'mongoPort'>> & StackOptions
> {
  return {
    rootFolder: await makeTemporaryFolder(),
    settings: {},
    redisPort: await findFreePort(),
    mongoPort: await findFreePort(),
  };
}

async function startForTest(options: StackOptions) {
  const stack = await startStack(options);
  onTestFinished(() => stack.stop());
  return stack;
}

async function listenAsSomethingElse(port: number): Promise<void> {
  const server = createServer((_request, response) => response.end('hello')).listen(port, '127.0.0.1');
  await once(server, 'listening');
  onTestFinished(() => new Promise<void>((resolve) => server.close(() => resolve())));
}

test('starts both with data and logs in .data, Redis with every write on disk, and stops both', async () => {
  const options = await createOptions();
  const stack = await startForTest(options);
  expect([stack.redis.source, stack.mongo.source]).toEqual(['started', 'started']);
  expect({ ...stack.redis.connection, ...stack.mongo.connection }).toEqual({
    REDIS_HOST: '127.0.0.1',
    REDIS_PORT: String(options.redisPort),
    MONGO_URI: `mongodb://127.0.0.1:${options.mongoPort}/analytics`,
  });
  const redis = new Redis(options.redisPort);
  expect(await redis.config('GET', 'appendfsync')).toEqual(['appendfsync', 'always']);
  redis.disconnect();
  for (const path of ['redis', 'mongodb', 'logs/redis.log', 'logs/mongodb.log']) {
    await expect(access(`${options.rootFolder}/.data/${path}`)).resolves.toBeUndefined();
  }
  await stack.stop();
  expect(await identifyRedis(options.redisPort)).toBe('nothing');
  expect(await identifyMongo(options.mongoPort)).toBe('nothing');
});

test('uses what runs already, says so, and leaves it running', async () => {
  const running = await startTestServers();
  onTestFinished(() => running.stop());
  const stack = await startForTest({
    ...(await createOptions()),
    redisPort: running.redis.port,
    mongoPort: running.mongo.port,
  });
  expect(describeStack(stack)).toContain(
    `Redis    127.0.0.1:${running.redis.port}, which was running already and stays so`,
  );
  await stack.stop();
  expect(await identifyRedis(running.redis.port)).toBe('redis');
  expect(await identifyMongo(running.mongo.port)).toBe('mongodb');
});

test('uses what the settings name, starts nothing and shows no password', async () => {
  const options = await createOptions();
  const stack = await startForTest({
    ...options,
    settings: { REDIS_PORT: '6379', MONGO_URI: 'mongodb+srv://me:p%40ss@cluster.example.com/analytics?w=1' },
  });
  expect(stack.servers).toEqual([]);
  expect(stack.redis).toEqual({
    source: 'settings',
    address: '127.0.0.1:6379',
    connection: { REDIS_HOST: '127.0.0.1', REDIS_PORT: '6379' },
  });
  expect(stack.mongo.address).toBe('cluster.example.com');
  expect(await identifyRedis(options.redisPort)).toBe('nothing');
});

test('uses the Redis that REDIS_URL names, and shows no password', async () => {
  const REDIS_URL = 'rediss://me:p%40ss@redis.example.com:6380/1';
  const stack = await startForTest({
    ...(await createOptions()),
    settings: { REDIS_URL, MONGO_URI: 'mongodb://127.0.0.1:1' },
  });
  expect(stack.redis).toEqual({
    source: 'settings',
    address: 'redis.example.com:6380',
    connection: { REDIS_URL },
  });
});

test('says that something else has the port of Redis', async () => {
  const options = await createOptions();
  await listenAsSomethingElse(options.redisPort);
  await expect(startForTest(options)).rejects.toThrow(
    `What listens on 127.0.0.1:${options.redisPort} does not answer as a Redis: stop it, or set REDIS_HOST and REDIS_PORT in .env to a Redis that you have.`,
  );
});

test('says that something else has the port of MongoDB, and stops the Redis that it started', async () => {
  const options = await createOptions();
  await listenAsSomethingElse(options.mongoPort);
  await expect(startForTest(options)).rejects.toThrow(
    `What listens on 127.0.0.1:${options.mongoPort} does not answer as a MongoDB: stop it, or set MONGO_URI in .env to a MongoDB that you have.`,
  );
  expect(await identifyRedis(options.redisPort)).toBe('nothing');
});

test('says that a Redis asks for a password, and uses it if the settings have one', async () => {
  const options = await createOptions();
  const redis = await startRedisServer({
    program: await findOwnRedis(),
    port: options.redisPort,
    dataFolder: await makeTemporaryFolder(),
    args: ['--requirepass', 'secret'],
  });
  onTestFinished(() => redis.kill());
  await expect(startForTest(options)).rejects.toThrow(
    `The Redis on 127.0.0.1:${options.redisPort} asks for a password: set REDIS_PASSWORD in .env, or stop it.`,
  );
  const stack = await startForTest({ ...options, settings: { REDIS_PASSWORD: 'secret' } });
  expect(stack.redis.source).toBe('running');
});
