import { execFile } from 'node:child_process';
import { createServer } from 'node:http';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { findFreePort } from '@analytics/local-stack/freePort';
import { readNodeArgs } from '@analytics/local-stack/nodeArgs';
import { startOwnMongo, startOwnRedis } from '@analytics/local-stack/testing/ownServers';
import { useTestStack } from '@analytics/local-stack/testing/useTestStack';
import { waitUntil } from '@analytics/local-stack/testing/waitUntil';
import { openEventQueue } from '@analytics/shared/event/eventQueue';
import { Redis } from 'ioredis';
import { mongo } from 'mongoose';
import { expect, test } from 'vitest';
import { startServices, waitUntilReady } from './startServices.ts';

const shared = useTestStack();
const redisServer = await startOwnRedis(['--maxmemory', '100mb']);
shared.register(() => redisServer.remove());
const mongoServer = await startOwnMongo();
shared.register(() => mongoServer.remove());
const stack = {
  ...shared,
  REDIS_PORT: redisServer.port,
  MONGO_URI: `mongodb://127.0.0.1:${mongoServer.port}/analytics`,
};

/** Runs the program behind `npm run doctor`. The ports of the services are free unless they are given. */
async function runDoctor(args: string[], settings: Record<string, unknown> = stack) {
  const { register: _, ...environment } = settings;
  const port = String(await findFreePort());
  const command = readNodeArgs(join(import.meta.dirname, '../processor_service'), 'doctor');
  const { stdout, ...result } = await promisify(execFile)(process.execPath, [...command, ...args], {
    env: {
      PATH: process.env['PATH'],
      ...{ INGESTION_PORT: port, PROCESSOR_PORT: port, REPORTING_PORT: port },
      ...Object.fromEntries(Object.entries(environment).map(([name, value]) => [name, String(value)])),
    },
  }).catch((error: { code: number; stdout: string }) => error);
  return { code: 'code' in result ? result.code : 0, stdout };
}

async function runJson(args: string[] = [], settings?: Record<string, unknown>) {
  const { code, stdout } = await runDoctor(['--json', ...args], settings);
  const { status, findings } = JSON.parse(stdout) as {
    status: string;
    findings: { check: string; status: string; message: string; advice?: string }[];
  };
  const of = (check: string) => findings.filter((finding) => finding.check === check);
  return { code, status, findings, of };
}

test('on a healthy system every check is ok, except that a single MongoDB is a risk', {
  timeout: 60_000,
}, async () => {
  const services = await startServices(stack);
  await waitUntilReady(services);
  const addresses = [
    ...['--ingestion', services.ingestion.url],
    ...['--processor', services.processor.url],
    ...['--reporting', services.reporting.url],
  ];

  const healthy = await waitUntil(
    () => runJson(addresses),
    ({ of }) => of('processor_service').every(({ status }) => status === 'ok'),
  );
  const { stdout } = await runDoctor(addresses);
  await Promise.all(Object.values(services).map((service) => service.stop()));

  const others = healthy.findings.filter(({ check }) => check !== 'Node');
  expect(others.filter(({ status }) => status !== 'ok')).toMatchObject([{ check: 'MongoDB replication' }]);
  expect(others.length).toBeGreaterThan(18);
  expect([healthy.code, healthy.status]).toEqual([0, 'warning']);
  expect(stdout).toMatch(/^ok {7}Workers +1 connected$/m);
  expect(stdout).toMatch(/\n\n\d+ ok, \d+ warnings, 0 failures\n$/);
});

test('without workers, with a paused queue, an old job, a dead letter and a wrong Redis, it says so', async () => {
  const redis = new Redis(redisServer.port);
  stack.register(() => redis.quit());
  const client = new mongo.MongoClient(stack.MONGO_URI);
  stack.register(() => client.close());
  const settings = { ...stack, QUEUE_NAME: 'broken', MONGO_URI: `${stack.MONGO_URI}-broken` };
  // One by one, because Redis 6 sets no more at once.
  const configure = async (values: Record<string, string>) => {
    for (const [name, value] of Object.entries(values)) {
      await redis.config('SET', name, value);
    }
  };
  const queue = openEventQueue(redis, { queueName: 'broken', queuePrefix: stack.QUEUE_PREFIX });
  stack.register(() => queue.close());
  await queue.add('ingest-event', {}, { timestamp: Date.now() - 3_600_000 });
  await configure({ 'maxmemory-policy': 'allkeys-lru', appendfsync: 'no' });
  const database = client.db('analytics-broken');
  await database.collection<{ _id: string }>('dead_letters').insertOne({ _id: 'a' });
  await database.collection('rollup_invalidations').insertOne({ due_at: new Date(Date.now() - 3_600_000) });
  await database.collection('rollup_invalidations').createIndex({ due_at: 1 });

  const waiting = await runJson([], settings);
  await queue.pause();
  const paused = await runJson([], { ...settings, REDIS_DURABILITY: 'strict' });
  await configure({ 'maxmemory-policy': 'noeviction', appendfsync: 'always' });
  const used = Number(/^used_memory:(\d+)/m.exec(await redis.info('memory'))?.[1]);
  await configure({ maxmemory: String(Math.ceil(used * 1.1)) });
  const full = await runJson([], settings);
  await configure({ maxmemory: '100mb' });

  expect(waiting.code).toBe(1);
  expect(
    waiting.of('Redis durability').map(({ status, message }) => [status, message.split(' ')[1]]),
  ).toEqual([
    ['warning', 'maxmemory-policy'],
    ['warning', 'appendfsync'],
  ]);
  expect(waiting.of('Oldest job')).toMatchObject([
    { status: 'failure', message: expect.stringMatching(/waits for 36\d\d s/) },
  ]);
  expect(waiting.of('Workers')).toMatchObject([{ status: 'failure' }]);
  expect(waiting.of('Dead letters')).toMatchObject([
    { status: 'warning', message: expect.stringMatching(/^1 events/) },
  ]);
  expect(waiting.of('Rollups')).toMatchObject([
    { status: 'warning', message: expect.stringMatching(/oldest for 60 minutes/) },
  ]);
  expect(waiting.of('MongoDB indexes')).toMatchObject([
    { status: 'warning', message: expect.stringMatching(/events site_id/) },
  ]);
  expect(waiting.of('ingestion_service')).toMatchObject([
    { status: 'warning', message: expect.stringMatching(/ECONNREFUSED/) },
  ]);
  expect(paused.of('Queue')).toMatchObject([
    { status: 'ok' },
    { status: 'failure', message: expect.stringMatching(/paused/) },
  ]);
  expect(paused.of('Redis durability')).toMatchObject([{ status: 'failure' }, { status: 'failure' }]);
  expect(full.of('Redis memory')).toMatchObject([
    { status: 'failure', message: expect.stringMatching(/new events are refused from 80 % on/) },
  ]);
});

test('of servers that are away or hang it says which, within fifteen seconds', {
  timeout: 60_000,
}, async () => {
  const away = String(await findFreePort());
  const stranger = createServer((_request, response) => response.end('hello'));
  await new Promise<void>((resolve) => stranger.listen(0, '127.0.0.1', resolve));
  const { port } = stranger.address() as { port: number };

  await Promise.all([redisServer.freeze(), mongoServer.freeze()]);
  const startedMs = performance.now();
  const [none, hung] = await Promise.all([
    runJson(['--reporting', `http://127.0.0.1:${port}`], {
      REDIS_PORT: away,
      MONGO_URI: `mongodb://127.0.0.1:${away}/x`,
    }),
    runJson(),
  ]);
  const tookMs = performance.now() - startedMs;
  stranger.close();
  redisServer.resume();
  mongoServer.resume();

  expect(none.code).toBe(1);
  expect(none.of('Redis')).toMatchObject([
    { status: 'failure', message: expect.stringMatching(/ECONNREFUSED|refused/) },
  ]);
  expect(none.of('MongoDB')).toMatchObject([
    { status: 'failure', message: expect.stringMatching(/ECONNREFUSED|refused/) },
  ]);
  expect(none.of('reporting_service')).toMatchObject([
    { status: 'failure', message: expect.stringMatching(/another program/) },
  ]);
  expect(hung.code).toBe(1);
  expect([...hung.of('Redis'), ...hung.of('MongoDB')]).toMatchObject([
    { status: 'failure' },
    { status: 'failure' },
  ]);
  expect(tookMs).toBeLessThan(15_000);
});
