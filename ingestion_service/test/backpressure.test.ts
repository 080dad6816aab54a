import { startOwnRedis } from '@analytics/local-stack/testing/ownServers';
import { useTestStack } from '@analytics/local-stack/testing/useTestStack';
import { waitUntil } from '@analytics/local-stack/testing/waitUntil';
import { Queue } from 'bullmq';
import type { Express } from 'express';
import { Redis } from 'ioredis';
import request from 'supertest';
import { afterEach, expect, test } from 'vitest';
import type { BackpressureOptions } from '../src/queue/backpressure.ts';
import { startApp } from './startApp.ts';

const stack = useTestStack();
const event = { site_id: 's', event_type: 'page_view', path: '/', timestamp: '2025-11-12T19:30:01Z' };

const TOO_MANY = 'Too many events are waiting to be stored. Try again.';
const NEARLY_FULL = 'The event queue is nearly full. Try again.';

const postEvent = (app: Express) => request(app).post('/event').send(event);
const postBatch = (app: Express, count: number, change: object = {}) =>
  request(app)
    .post('/events')
    .send({ events: Array(count).fill({ ...event, ...change }) });
const untilAccepted = (app: Express) => waitUntil(async () => (await postEvent(app)).status === 202);

/** Posts until an event is rejected, and resolves with the reason for the client. */
async function postUntilRejected(post: () => Promise<request.Response>): Promise<unknown[]> {
  const { status, headers, text } = await waitUntil(post, (response) => response.status !== 202);
  return [status, headers['retry-after'], JSON.parse(text).detail];
}

const shared = await startApp(stack, { maxWaitingEvents: 20, sampleIntervalMs: 20 });
const toKey = (state: string) => shared.queue.toKey(state);
const client = new Redis(stack.REDIS_PORT, stack.REDIS_HOST);
stack.register(() => client.quit());

// A Redis whose memory and users the tests change. Its default user keeps all permissions.
const server = await startOwnRedis();
stack.register(() => server.remove());
const admin = new Redis(server.port, '127.0.0.1');
await admin.acl('SETUSER', 'admin', 'on', '>secret', '~*', '&*', '+@all');
await admin.auth('admin', 'secret');
stack.register(() => admin.quit());
const MAX_MEMORY = '1gb';
const ownStack = { ...stack, REDIS_PORT: server.port };
const OWN_WAIT_KEY = `${stack.QUEUE_PREFIX}:${stack.QUEUE_NAME}:wait`;

/** Starts a service on that Redis, and records the log of its backpressure. */
async function startOnOwnRedis(limits: Partial<BackpressureOptions>) {
  const lines: string[] = [];
  const log = (...args: unknown[]) => lines.push(String(args.at(-1)));
  const logger = { warn: log, info: log } as unknown as BackpressureOptions['logger'];
  const started = await startApp(ownStack, { sampleIntervalMs: 20, logger, ...limits });
  return { ...started, lines };
}

const readUsedBytes = async () => Number(/^used_memory:(\d+)/m.exec(await admin.info('memory'))?.[1]);
const readMachineBytes = async () =>
  Number(/^total_system_memory:(\d+)/m.exec(await admin.info('memory'))?.[1]);

afterEach(async () => {
  await admin.flushall();
  await admin.config('SET', 'maxmemory', MAX_MEMORY);
  await admin.acl('SETUSER', 'default', '+@all');
});

test('above the limit of the queue the answer is 503, until the queue is shorter', async () => {
  const { app, queue } = shared;
  await untilAccepted(app);

  const rejection = await postUntilRejected(() => postEvent(app));
  const waiting = await queue.count();
  await queue.drain();
  await untilAccepted(app);

  expect(rejection).toEqual([503, '2', TOO_MANY]);
  expect(waiting).toBeLessThanOrEqual(20);
  expect(waiting).toBeGreaterThan(10);
});

// Jobs that skip the list `wait` of the queue under test.
const source = new Queue('source', { connection: client, prefix: stack.QUEUE_PREFIX });
stack.register(() => source.close());

async function fillState(state: string, opts: object): Promise<void> {
  const from = 'priority' in opts || 'delay' in opts ? state : 'wait';
  await source.addBulk(Array.from({ length: 20 }, () => ({ name: 'ingest-event', data: event, opts })));
  await client.rename(source.toKey(from), toKey(state));
}

test.each([
  ['paused', {}],
  ['active', {}],
  ['prioritized', { priority: 1 }],
  ['delayed', { delay: 3_600_000 }],
])('%s jobs count, too', async (state, opts) => {
  const { app, queue } = shared;
  await queue.obliterate({ force: true });
  await untilAccepted(app);
  await queue.drain();

  await fillState(state, opts);
  const refused = await waitUntil(
    () => postEvent(app),
    ({ status }) => status !== 202,
  );
  await client.del(toKey(state));
  await untilAccepted(app);

  expect(JSON.parse(refused.text).detail).toBe(TOO_MANY);
});

test('a batch counts as its events', async () => {
  const { app, queue } = await startApp(
    { ...stack, QUEUE_NAME: 'batches' },
    { maxWaitingEvents: 5000, sampleIntervalMs: 20 },
  );
  await waitUntil(async () => (await postBatch(app, 500)).status === 202);

  await postUntilRejected(() => postBatch(app, 500));

  expect(await queue.count()).toBeLessThanOrEqual(10);
  expect(await queue.count()).toBeGreaterThan(5);
});

test('a job that is queued between two samples counts immediately', async () => {
  const { app, queue } = await startApp(
    { ...stack, QUEUE_NAME: 'bursts' },
    { maxWaitingEvents: 1000, sampleIntervalMs: 3_600_000 },
  );
  await waitUntil(async () => (await postBatch(app, 500)).status === 202);

  const statuses = [(await postBatch(app, 500)).status, (await postBatch(app, 1)).status];

  expect(statuses).toEqual([202, 503]);
  expect(await queue.count()).toBe(2);
});

test('above the limit of Redis memory the answer is 503, until there is room', async () => {
  const { app } = await startOnOwnRedis({ maxMemoryPercent: 80 });
  await untilAccepted(app);
  const used = await readUsedBytes();

  await admin.config('SET', 'maxmemory', Math.round(used / 0.9));
  const rejection = await postUntilRejected(() => postEvent(app));
  await admin.config('SET', 'maxmemory', used * 10);
  await untilAccepted(app);

  expect(rejection).toEqual([503, '2', NEARLY_FULL]);
});

test("without maxmemory the limit is half of the machine's memory, and the log says so once", async () => {
  await admin.config('SET', 'maxmemory', 0);
  const room = 300_000;
  const maxMemoryPercent = (100 * ((await readUsedBytes()) + room)) / ((await readMachineBytes()) / 2);
  const { app, queue, lines } = await startOnOwnRedis({ maxMemoryPercent });
  await untilAccepted(app);

  const rejection = await postUntilRejected(() => postBatch(app, 20, { path: `/${'p'.repeat(2000)}` }));
  await queue.obliterate({ force: true });
  await untilAccepted(app);

  expect(rejection).toEqual([503, '2', NEARLY_FULL]);
  expect(lines).toEqual([
    expect.stringContaining('This Redis has no maxmemory. New events are refused once it uses'),
    `new events are refused: ${NEARLY_FULL}`,
    'new events are accepted again',
  ]);
});

test.each([
  ['INFO', ['-info'], { maxQueueBytes: 50_000 }, /^The memory of Redis cannot be read.*INFO.*NOPERM/],
  ['INFO, LLEN and ZCARD', ['-info', '-llen', '-zcard'], { maxWaitingEvents: 50 }, /LLEN and ZCARD.*NOPERM/],
])(
  'if the Redis user may not %s, the log says so, and new events are still limited',
  async (_name, rules, limits, warning) => {
    await admin.acl('SETUSER', 'default', ...rules);
    const { app, lines } = await startOnOwnRedis(limits);
    await untilAccepted(app);

    const rejection = await postUntilRejected(() => postEvent(app));
    const jobs = await admin.llen(OWN_WAIT_KEY);
    const warnings = await waitUntil(
      () => lines.filter((line) => warning.test(line)),
      ({ length }) => length > 0,
    );
    await admin.flushall();
    await untilAccepted(app);
    await admin.acl('SETUSER', 'default', '+@all');
    await waitUntil(() => lines.includes('the memory of Redis can be read again'));

    expect(rejection).toEqual([503, '2', TOO_MANY]);
    expect(jobs).toBeGreaterThanOrEqual(30);
    expect(jobs).toBeLessThanOrEqual(60);
    expect(warnings.length).toBe(1);
  },
);

test('if Redis does not report its memory, a queue without a limit in the settings holds a gibibyte', async () => {
  await admin.acl('SETUSER', 'default', '-info');
  const { app } = await startOnOwnRedis({ maxWaitingEvents: 1_000_000_000 });
  await untilAccepted(app);
  const push = `for i = 1, ARGV[1] do redis.call('LPUSH', KEYS[1], unpack(cjson.decode(ARGV[2]))) end`;
  const thousand = JSON.stringify(Array(1000).fill('job'));

  // A job with one event of this test takes about 950 bytes.
  await admin.eval(push, 1, OWN_WAIT_KEY, 1000, thousand);
  await untilAccepted(app);
  await admin.eval(push, 1, OWN_WAIT_KEY, 300, thousand);

  expect(await postUntilRejected(() => postEvent(app))).toEqual([503, '2', TOO_MANY]);
});
