import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { readNodeArgs } from '@analytics/local-stack/nodeArgs';
import { startOwnRedis } from '@analytics/local-stack/testing/ownServers';
import { useTestStack } from '@analytics/local-stack/testing/useTestStack';
import { waitUntil } from '@analytics/local-stack/testing/waitUntil';
import { createEventId } from '@analytics/shared/event/eventId';
import { INGEST_BATCH_JOB, openEventQueue } from '@analytics/shared/event/eventQueue';
import { closeRedis, createWorkerRedis } from '@analytics/shared/redis/redis';
import { Queue } from 'bullmq';
import { mongo } from 'mongoose';
import { expect, test } from 'vitest';
import { startService } from './startServices.ts';

const stack = useTestStack();
const { register: _, ...settings } = stack;

const rootFolder = join(import.meta.dirname, '..');

async function execute(program: string, args: string[], more: Record<string, string> = {}) {
  const env = {
    ...process.env,
    ...Object.fromEntries(Object.entries(settings).map(([key, value]) => [key, String(value)])),
    ...more,
  };
  return promisify(execFile)(program, args, { cwd: rootFolder, env }).catch(
    (error: { code: number; stdout: string; stderr: string }) => error,
  );
}

/** Runs the program behind `npm run dead-letters`. */
function run(args: string[], more?: Record<string, string>) {
  const command = readNodeArgs(join(rootFolder, 'processor_service'), 'dead-letters');
  return execute(process.execPath, [...command, ...args], more);
}

test('npm run dead-letters uses the Redis and the MongoDB of the settings', async () => {
  expect(await execute('npm', ['run', '--silent', 'dead-letters', '--', 'list'])).toMatchObject({
    stdout: '0 dead letters in all.\n',
  });
  expect(await run(['replay', '--yes'])).toMatchObject({ stdout: 'No dead letter matches.\n' });
});

test('npm run dead-letters reports why the Redis of the settings cannot be used', async () => {
  const replica = await startOwnRedis(['--replicaof', '127.0.0.1', '1']);
  stack.register(() => replica.remove());
  const client = new mongo.MongoClient(`${stack.MONGO_URI}-replica`);
  stack.register(() => client.close());
  await client.db().collection('dead_letters').insertOne({ event: '{}', reason: 'a test' });

  const answer = await run(['replay', '--yes'], {
    REDIS_PORT: String(replica.port),
    MONGO_URI: `${stack.MONGO_URI}-replica`,
  });

  expect(answer).toMatchObject({
    code: 1,
    stderr: expect.stringMatching(/^Redis at 127\.0\.0\.1:\d+ can't be used: it is a read-only replica\./),
  });
});

test.each([
  [['--help'], undefined, /replay {4}puts letters back/],
  [[], 1, /npm run dead-letters -- <command>/],
  [['lst'], 1, /There is no command lst/],
  [['list', '--since', 'yesterday'], 1, /yesterday is not a time/],
  [['list', '--until', '12 November 2025'], 1, /12 November 2025 is not a time/],
  [['list', '--limit', '0'], 1, /--limit 0 is not a whole number/],
  [['list', '--sites', 'a'], 1, /Unknown option '--sites'/],
])('npm run dead-letters -- %j exits with %s and says what to do', async (args, code, text) => {
  const { stdout, stderr, ...result } = await run(args);

  expect('code' in result ? result.code : undefined).toBe(code);
  expect(stdout + stderr).toMatch(text);
});

test('a job too large to be read is named in the log, with the command that stores its events', async () => {
  const processor = await startService('processor_service', stack);
  const redis = createWorkerRedis(stack);
  stack.register(() => closeRedis(redis));
  const foreignQueue = new Queue(stack.QUEUE_NAME, { connection: redis, prefix: stack.QUEUE_PREFIX });
  stack.register(() => foreignQueue.close());
  const event = { site_id: 'large', event_type: 'view', path: '/', timestamp: '2025-11-12T19:30:01Z' };
  const padding = 'x'.repeat(17 * 1024 * 1024);

  const { id = '' } = await foreignQueue.add(INGEST_BATCH_JOB, {
    padding,
    events: [event, event, { padding: 1 }],
  });
  const [error] = await waitUntil(
    () =>
      processor.log.filter(({ job_id, msg }) => job_id === id && String(msg).includes('stays in the queue')),
    ({ length }) => length > 0,
  );
  const list = await run(['oversize']);
  const split = await run(['split', id, '--yes']);
  const client = new mongo.MongoClient(stack.MONGO_URI);
  stack.register(() => client.close());
  await waitUntil(async () => (await client.db().collection('events').countDocuments()) === 2);
  await processor.stop();

  expect(error?.['reason']).toMatch(
    new RegExp(`17\\.0 MiB long.*npm run dead-letters -- split ${id} to store what is in it`),
  );
  expect(list.stdout).toMatch(
    new RegExp(`^${id} {2}\\S+Z {2}ingest-batch {2}17\\.0 MiB\n1 job too large to be read\\.\n$`),
  );
  expect(split.stdout).toMatch(/is split: 2 events to the queue, 1 item to the dead letters\.\n$/);
  expect(await foreignQueue.getFailedCount()).toBe(0);
  await client.db().dropDatabase();
});

test('the worker warns of dead letters once, counts them in /readyz, and logs none of their contents', async () => {
  const client = new mongo.MongoClient(stack.MONGO_URI);
  stack.register(() => client.close());
  const database = client.db();
  const processor = await startService('processor_service', stack);
  await waitUntil(async () => (await fetch(`${processor.url}/readyz`)).status === 200);
  await database.collection('events').createIndex({ user_id: 1 }, { unique: true, sparse: true });
  const redis = createWorkerRedis(stack);
  stack.register(() => closeRedis(redis));
  const queue = openEventQueue(redis, { queueName: stack.QUEUE_NAME, queuePrefix: stack.QUEUE_PREFIX });
  stack.register(() => queue.close());
  const event = { site_id: 's', event_type: 'secret', path: '/secret', timestamp: '2025-11-12T19:30:01Z' };
  const refusedId = createEventId();
  const events = [
    { ...event, _id: createEventId(), user_id: 'secret' },
    { ...event, _id: refusedId, user_id: 'secret' },
    { ...event, secret: 'secret' },
  ];

  const { id } = await queue.add(INGEST_BATCH_JOB, { events }, { backoff: { type: 'fixed', delay: 20 } });
  await waitUntil(async () => (await queue.getJobCountByTypes('wait', 'active', 'delayed', 'failed')) === 0);
  const readHealth = async () => (await fetch(`${processor.url}/readyz`)).text();
  const health = await waitUntil(readHealth, (text) => text.includes('2 dead letters'));

  expect(
    health
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line)),
  ).toContainEqual({
    dependency: 'worker',
    status: 'up',
    warnings: ['2 dead letters wait for a person: see npm run dead-letters -- list'],
  });
  const warnings = processor.log.filter(({ msg }) => String(msg).includes('kept as dead letters'));
  expect(warnings).toMatchObject([
    { job_id: id, dead_letters: 1, ids: [expect.any(String)], causes: ['an item of a job is not an event'] },
    {
      job_id: id,
      dead_letters: 1,
      ids: [refusedId],
      causes: ['MongoDB refused an event (error 11000, unique index {"user_id":1})'],
    },
  ]);
  expect(JSON.stringify(processor.log)).not.toContain('secret');
});
