import { once } from 'node:events';
import { stat } from 'node:fs/promises';
import { createServer } from 'node:http';
import { findFreePort } from '@analytics/local-stack/freePort';
import { identifyMongo, identifyRedis } from '@analytics/local-stack/listeningServer';
import { describeNamedMongo } from '@analytics/local-stack/provideMongo';
import { findNamedRedis } from '@analytics/local-stack/provideRedis';
import { startRedisServer } from '@analytics/local-stack/redisServer';
import { describeStack } from '@analytics/local-stack/screen';
import { type StackOptions, startStack } from '@analytics/local-stack/stack';
import { startTlsServer } from '@analytics/local-stack/testing/startTlsServer';
import { useTestStack } from '@analytics/local-stack/testing/useTestStack';
import { startTestServers } from '@analytics/local-stack/testServers';
import { Redis } from 'ioredis';
import { expect, onTestFinished, test } from 'vitest';
import { findOwnRedis } from './ownProgram.ts';
import { makeTemporaryFolder } from './temporaryFolder.ts';

const shared = useTestStack();

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
  for (const path of ['', 'redis', 'mongodb', 'logs', 'logs/redis.log', 'logs/mongodb.log']) {
    const { mode } = await stat(`${options.rootFolder}/.data/${path}`);
    expect([path, (mode & 0o077).toString(8)]).toEqual([path, '0']);
  }
  await stack.stop();
  expect(await identifyRedis(options.redisPort)).toBe('nothing');
  expect(await identifyMongo(options.mongoPort)).toBe('nothing');
});

test('uses servers that already run, reports that, and leaves them running', async () => {
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

test('uses the servers that the settings name after a check, and starts none', async () => {
  const options = await createOptions();
  const { REDIS_PORT, MONGO_URI } = shared;
  const connection = { REDIS_URL: `redis://127.0.0.1:${REDIS_PORT}/1` };
  const stack = await startForTest({ ...options, settings: { ...connection, MONGO_URI } });
  expect(stack.servers).toEqual([]);
  expect(stack.redis).toEqual({ source: 'settings', address: `127.0.0.1:${REDIS_PORT}`, connection });
  expect(stack.mongo.connection).toEqual({ MONGO_URI });
  expect(await identifyRedis(options.redisPort)).toBe('nothing');
});

test('shows no password from the settings', () => {
  const MONGO_URI = 'mongodb+srv://me:p%40ss@cluster.example.com/analytics?w=1';
  expect(describeNamedMongo(MONGO_URI).address).toBe('cluster.example.com');
  expect(findNamedRedis({ REDIS_URL: 'rediss://me:p%40ss@redis.example.com:6380/1' })?.address).toBe(
    'redis.example.com:6380',
  );
  expect(findNamedRedis({ REDIS_PORT: '6380' })?.address).toBe('127.0.0.1:6380');
});

test.each([
  [
    { REDIS_PORT: '1' },
    1000,
    'The Redis on 127.0.0.1:1 cannot be used: connect ECONNREFUSED 127.0.0.1:1. Check',
  ],
  [
    { MONGO_URI: 'mongodb://me:p%40ss@127.0.0.1:1/x' },
    2000,
    'The MongoDB on 127.0.0.1:1 cannot be used: connect ECONNREFUSED 127.0.0.1:1. Check',
  ],
])(
  'soon reports that no server answers at the address of the settings: %o',
  async (settings, checkTimeoutMs, sentence) => {
    const options = { ...(await createOptions()), redisPort: shared.REDIS_PORT, checkTimeoutMs };
    await expect(startForTest({ ...options, settings })).rejects.toThrow(sentence);
  },
);

test('reports the conflict if two stacks start at once with the same data', async () => {
  const options = await createOptions();
  const [first, second] = await Promise.allSettled([startForTest(options), startForTest(options)]);
  expect([first.status, second.status].sort()).toEqual(['fulfilled', 'rejected']);
  const { reason } = [first, second].find((each) => each.status === 'rejected') as PromiseRejectedResult;
  expect(reason.message).toBe(
    `Port ${options.redisPort} was taken by another program while Redis was starting, such as another npm start: stop that, or start again to use its Redis.`,
  );
});

test.each([true, false])(
  'reports the conflict if two MongoDBs start at once (same data: %s)',
  async (isSame) => {
    const [options, other] = [await createOptions(), await createOptions()];
    const settings = { REDIS_PORT: String(shared.REDIS_PORT) };
    const second = { ...options, ...(!isSame && { rootFolder: other.rootFolder }), settings };
    const results = await Promise.allSettled([startForTest({ ...options, settings }), startForTest(second)]);
    expect(results.map(({ status }) => status).sort()).toEqual(['fulfilled', 'rejected']);
    const { reason } = results.find(({ status }) => status === 'rejected') as PromiseRejectedResult;
    expect(reason.message).toMatch(
      isSame
        ? /^\S+mongodb is used by another MongoDB, such as that of another npm start: stop that, or set DATA_FOLDER/
        : /^Port \d+ was taken by another program while MongoDB was starting, such as another npm start: stop that/,
    );
  },
);

test('reports that another program uses the port of Redis', async () => {
  const options = await createOptions();
  await listenAsSomethingElse(options.redisPort);
  await expect(startForTest(options)).rejects.toThrow(
    `What listens on 127.0.0.1:${options.redisPort} does not answer as a Redis: stop it, or set REDIS_HOST and REDIS_PORT in .env to a Redis that you have.`,
  );
});

test('reports that a server on the port speaks TLS, and which setting connects to it', async () => {
  const tls = await startTlsServer(shared.REDIS_PORT);
  onTestFinished(() => tls.close());
  const options = await createOptions();
  await expect(startForTest({ ...options, redisPort: tls.port })).rejects.toThrow(
    `The Redis on 127.0.0.1:${tls.port} speaks TLS: set REDIS_URL=rediss://<user>:<password>@127.0.0.1:${tls.port} in .env, or stop it.`,
  );
  const settings = { REDIS_PORT: String(shared.REDIS_PORT) };
  await expect(startForTest({ ...options, settings, mongoPort: tls.port })).rejects.toThrow(
    `The server on 127.0.0.1:${tls.port} speaks TLS: set MONGO_URI=mongodb://127.0.0.1:${tls.port}/analytics?tls=true in .env if it is a MongoDB, or stop it.`,
  );
});

test('reports that another program uses the port of MongoDB, and stops the Redis that it started', async () => {
  const options = await createOptions();
  await listenAsSomethingElse(options.mongoPort);
  await expect(startForTest(options)).rejects.toThrow(
    `What listens on 127.0.0.1:${options.mongoPort} does not answer as a MongoDB: stop it, or set MONGO_URI in .env to a MongoDB that you have.`,
  );
  expect(await identifyRedis(options.redisPort)).toBe('nothing');
});

test.each([
  ['a password', ['--requirepass', 'secret'], { REDIS_PASSWORD: 'secret' }],
  [
    'a user of its ACL',
    [...['--user', 'default', 'off'], ...['--user', 'me', 'on', '>secret', '~*', '&*', '+@all']],
    { REDIS_URL: 'redis://me:secret@127.0.0.1:PORT' },
  ],
])('reports that a Redis requires %s, and uses it from the settings', async (_name, args, settings) => {
  const options = await createOptions();
  const { MONGO_URI } = shared;
  const redis = await startRedisServer({
    program: await findOwnRedis(),
    port: options.redisPort,
    dataFolder: await makeTemporaryFolder(),
    args,
  });
  onTestFinished(() => redis.kill());
  await expect(startForTest(options)).rejects.toThrow(
    `The Redis on 127.0.0.1:${options.redisPort} cannot be used: it asks for a password. Set REDIS_PASSWORD, or REDIS_URL=redis://<user>:<password>@<host>:<port> for a user of its ACL. Or stop it: then npm start has a Redis of its own.`,
  );
  const completed = Object.entries(settings).map(([key, value]) => [
    key,
    value.replace('PORT', String(options.redisPort)),
  ]);
  const stack = await startForTest({ ...options, settings: { ...Object.fromEntries(completed), MONGO_URI } });
  expect(stack.redis.server).toBeUndefined();
});
