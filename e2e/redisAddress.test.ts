import { findFreePort } from '@analytics/local-stack/freePort';
import { startOwnRedis } from '@analytics/local-stack/testing/ownServers';
import { startSentinel } from '@analytics/local-stack/testing/startSentinel';
import { startTlsServer } from '@analytics/local-stack/testing/startTlsServer';
import { useTestStack } from '@analytics/local-stack/testing/useTestStack';
import { waitUntil } from '@analytics/local-stack/testing/waitUntil';
import { Redis } from 'ioredis';
import mongoose from 'mongoose';
import { expect, test } from 'vitest';
import { startTcpProxy } from './faults/harness/tcpProxy.ts';
import { type ServiceProcess, startService } from './startServices.ts';

const stack = useTestStack();
const redis = await startOwnRedis();
stack.register(() => redis.remove());
const admin = new Redis(redis.port);
stack.register(() => admin.quit());
const tls = await startTlsServer(redis.port);
stack.register(() => tls.close());
const mongo = await mongoose.createConnection(stack.MONGO_URI).asPromise();
stack.register(() => mongo.close());
// The rules that the README names, and a user that may not ask how Redis keeps its data.
const keys = `~${stack.QUEUE_PREFIX}:*`;
await admin.acl(
  'SETUSER',
  'queue',
  'on',
  '>se#same',
  keys,
  '+@all',
  '-@admin',
  '-@dangerous',
  '+info',
  '+config|get',
);
await admin.acl('SETUSER', 'blind', 'on', '>se#same', keys, '+@all', '-@admin', '-@dangerous');

/** The environment's empty settings count as not set. */
const nowhere = { ...stack, REDIS_HOST: '', REDIS_PORT: '' as never };
const event = { site_id: 's', event_type: 'page_view', path: '/', timestamp: '2025-11-12T19:30:01Z' };

async function postEvent({ url }: ServiceProcess): Promise<number> {
  const response = await fetch(`${url}/event`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json' },
    body: JSON.stringify(event),
  });
  return response.status;
}

async function readHealth({ url }: ServiceProcess): Promise<{ status: number; redis: object }> {
  const response = await fetch(`${url}/readyz`);
  const lines = (await response.text())
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  return { status: response.status, redis: lines.find(({ dependency }) => dependency === 'redis') };
}

const [ingestion, processor] = await Promise.all([
  startService('ingestion_service', nowhere, {
    REDIS_URL: `rediss://queue:se%23same@localhost:${tls.port}/3`,
    NODE_EXTRA_CA_CERTS: tls.certificateFile,
    REDIS_DURABILITY: 'strict',
  }),
  startService('processor_service', nowhere, {
    REDIS_URL: `redis://blind:se%23same@127.0.0.1:${redis.port}/3`,
  }),
]);

test('REDIS_URL can name a database, TLS and an ACL user, and no password is logged', async () => {
  const status = await waitUntil(
    () => postEvent(ingestion),
    (answer) => answer !== 503,
  );
  await waitUntil(() => mongo.collection('events').countDocuments());

  expect(status).toBe(202);
  expect(await readHealth(ingestion)).toEqual({
    status: 200,
    redis: { dependency: 'redis', status: 'up' },
  });
  expect(await admin.info('keyspace')).toMatch(/^# Keyspace\r\ndb3:[^\n]*\n$/);
  const logged = JSON.stringify([ingestion, processor].map(({ log, errorLines }) => [log, errorLines]));
  expect(logged).not.toMatch(/se#same|se%23same/);
});

test('for a user without INFO and CONFIG, one warning names the missing permissions, and every line is a log line', async () => {
  const missing = 'the Redis user may not run INFO (its ACL lacks +info)';

  const { redis } = await waitUntil(
    () => readHealth(processor),
    ({ status }) => status === 200,
  );

  expect(redis).toEqual({ dependency: 'redis', status: 'up', warnings: [missing] });
  expect(processor.log.filter(({ msg }) => String(msg).includes(missing))).toMatchObject([
    { level: 40, msg: `It is unknown whether this Redis keeps accepted events: ${missing}.` },
  ]);
  expect([ingestion.errorLines, processor.errorLines]).toEqual([[], []]);
});

/** Where a service is sent, and the reason that `/readyz` and the log give. */
const wrong: [
  name: string,
  start: () => Promise<{ port: number; remove(): Promise<void> }>,
  reason: string,
][] = [
  ['a replica', () => startOwnRedis(['--replicaof', '127.0.0.1', '1']), 'it is a read-only replica. Set '],
  [
    'a node of a cluster',
    () => startOwnRedis(['--cluster-enabled', 'yes']),
    'it is a node of a Redis Cluster, which is not supported. Set ',
  ],
  [
    'a Sentinel',
    startSentinel,
    'it does not know the command DEL, so it is a Redis Sentinel or no Redis; neither is supported. Set ',
  ],
];

const proxy = await startTcpProxy(await findFreePort());
stack.register(() => proxy.close());
const misled = await startService('ingestion_service', { ...stack, REDIS_PORT: proxy.port });

test.each(wrong)(
  'a service that is sent to %s says in /readyz and in one line of the log what to use',
  async (_name, start, reason) => {
    const { port, remove } = await start();
    stack.register(remove);
    proxy.leadTo(port);
    proxy.reset();
    const readLines = () => misled.log.filter(({ msg }) => String(msg).includes(reason));

    await waitUntil(() => readLines().length > 0);

    expect(await postEvent(misled)).toBe(503);
    expect(await readHealth(misled)).toMatchObject({
      status: 503,
      redis: { dependency: 'redis', status: 'down', reason: expect.stringContaining(reason) },
    });
    expect(readLines()).toMatchObject([
      { level: 40, msg: expect.stringMatching(/^Redis at 127\.0\.0\.1:\d+ is away: it/) },
    ]);
    expect(misled.errorLines).toEqual([]);
  },
);
