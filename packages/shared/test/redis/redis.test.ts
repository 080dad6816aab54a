import { startOwnRedis } from '@analytics/local-stack/testing/ownServers';
import { startSentinel } from '@analytics/local-stack/testing/startSentinel';
import { startTlsServer } from '@analytics/local-stack/testing/startTlsServer';
import { useTestStack } from '@analytics/local-stack/testing/useTestStack';
import { waitUntil } from '@analytics/local-stack/testing/waitUntil';
import { Redis } from 'ioredis';
import { expect, test } from 'vitest';
import { createRequestRedis, createWorkerRedis } from '../../src/redis/redis.ts';
import { createRedisProbe, type RedisProbe } from '../../src/redis/redisProbe.ts';
import { parseRedisUrl } from '../../src/redis/redisSettings.ts';
import { readVerdict } from './readVerdict.ts';

const stack = useTestStack();
const server = await startOwnRedis(['--requirepass', 'sesame']);
stack.register(() => server.remove());
const admin = new Redis({ port: server.port, password: 'sesame' });
stack.register(() => admin.quit());
// As a managed server or a careful operator would set it up.
await admin.acl('SETUSER', 'queue', 'on', '>pass', '~bull:*', '&*', '+@all', '-@admin', '-@dangerous');
await admin.acl('SETUSER', 'reader', 'on', '>pass', '~bull:*', '+@read');

const connections: [string, (settings: Parameters<typeof createRequestRedis>[0]) => Redis][] = [
  ['request', createRequestRedis],
  ['worker', createWorkerRedis],
];

function open(create: typeof createRequestRedis, url: string): { redis: Redis; probe: RedisProbe } {
  const redis = create({ REDIS_HOST: 'elsewhere', REDIS_PORT: 1, REDIS_URL: parseRedisUrl(url) });
  stack.register(() => redis.disconnect());
  return { redis, probe: createRedisProbe(redis, 'bull:queue') };
}

const tls = await startTlsServer(server.port);
stack.register(() => tls.close());

const addressOf = (user: string, database = '') => `redis://${user}@127.0.0.1:${server.port}${database}`;

test.each(connections)('the %s connection authenticates as the user of the URL', async (_name, create) => {
  expect(await readVerdict(open(create, addressOf(':sesame')))).toBe('usable');
  expect(await readVerdict(open(create, addressOf('queue:pass')))).toBe('usable');
});

const refused: [user: string, verdict: RegExp][] = [
  ['', /it asks for a password\. Set REDIS_PASSWORD, or REDIS_URL/],
  [':open', /it does not accept the user name or the password/],
  ['queue:open', /it does not accept the user name or the password/],
  ['reader:pass', /its user may not run DEL on the queue's keys\. Allow all commands/],
];

test.each(refused)('the error for %j says what to do about its user', async (user, verdict) => {
  for (const [, create] of connections) {
    expect(await readVerdict(open(create, addressOf(user)))).toMatch(verdict);
  }
});

const tlsFailures: [name: string, url: string, verdict: RegExp][] = [
  [
    'a certificate of an unknown authority',
    `rediss://localhost:${tls.port}`,
    /its certificate comes from an authority that is not known here\. Name the file/,
  ],
  [
    'TLS at the other end only',
    `redis://localhost:${tls.port}`,
    /it closes the connection before it answers\. If it speaks TLS, set REDIS_URL=rediss:/,
  ],
  [
    'TLS at this end only',
    `rediss://localhost:${server.port}`,
    /it does not answer in TLS\. If it can be reached and speaks none, write redis:/,
  ],
];

test.each(tlsFailures)('%s is named, and what to do about it', async (_name, url, verdict) => {
  const [, create] = connections[0] as (typeof connections)[number];
  const { probe } = open(create, url);

  await waitUntil(
    () => probe().catch(String),
    (answer) => verdict.test(String(answer)),
  );
});

test.each(connections)('the %s connection uses the database of the URL', async (_name, create) => {
  const { redis, probe } = open(create, addressOf(':sesame', '/3'));
  await probe();

  await redis.set('bull:here', '3');

  expect(await admin.get('bull:here')).toBeNull();
  expect(await redis.get('bull:here')).toBe('3');
  await redis.del('bull:here');
});

test.each(connections)(
  'a database that is not there is not replaced by database 0 on the %s connection',
  async (_name, create) => {
    const { redis, probe } = open(create, addressOf(':sesame', '/99'));

    expect(await readVerdict({ probe })).toMatch(/it has no database of the number at the end of REDIS_URL/);
    redis.set('bull:lost', '1').catch(() => {});
    await readVerdict({ probe });

    expect(await admin.get('bull:lost')).toBeNull();
  },
);

const kinds: [
  name: string,
  start: () => Promise<{ port: number; remove(): Promise<void> }>,
  verdict: RegExp,
][] = [
  [
    'a read-only replica',
    () => startOwnRedis(['--replicaof', '127.0.0.1', '1']),
    /it is a read-only replica\. Set REDIS_HOST/,
  ],
  [
    'a node of a cluster',
    () => startOwnRedis(['--cluster-enabled', 'yes']),
    /it is a node of a Redis Cluster, which is not supported/,
  ],
  ['a Sentinel', startSentinel, /it is a Redis Sentinel or no Redis; neither is supported\. Set REDIS_HOST/],
];

test.each(kinds)('%s is not usable, and the reason names what is', async (_name, start, verdict) => {
  const other = await start();
  stack.register(() => other.remove());

  for (const [, create] of connections) {
    expect(await readVerdict(open(create, `redis://127.0.0.1:${other.port}`))).toMatch(verdict);
  }
});

test('a node of a cluster that has all slots is usable for a queue with a hash tag only', async () => {
  const node = await startOwnRedis(['--cluster-enabled', 'yes']);
  stack.register(() => node.remove());
  const { redis, probe } = open(createWorkerRedis, `redis://127.0.0.1:${node.port}`);
  await redis.cluster(
    'ADDSLOTS',
    Array.from({ length: 16_384 }, (_, slot) => slot),
  );
  await waitUntil(async () => String(await redis.cluster('INFO')).includes('cluster_state:ok'));

  await expect(probe()).rejects.toThrow(/it is a node of a Redis Cluster/);
  await expect(createRedisProbe(redis, '{bull}:queue')()).resolves.toBeUndefined();
});

test('a Redis whose memory is full is usable: its jobs can still be processed', async () => {
  const full = await startOwnRedis(['--maxmemory', '1']);
  stack.register(() => full.remove());
  const { redis, probe } = open(createWorkerRedis, `redis://127.0.0.1:${full.port}`);

  expect(await readVerdict({ probe })).toBe('usable');
  await expect(redis.set('bull:x', '1')).rejects.toThrow(/^OOM/);
});

test('a probe writes nothing', async () => {
  const { probe } = open(createRequestRedis, addressOf(':sesame'));
  await probe();
  const readAofBytes = async () => /^aof_current_size:(\d+)/m.exec(await admin.info())?.[1];
  const before = await readAofBytes();

  await probe();

  expect(Number(before)).toBeGreaterThan(0);
  expect(await readAofBytes()).toBe(before);
});
