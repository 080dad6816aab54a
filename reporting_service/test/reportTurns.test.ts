import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { startOwnMongo } from '@analytics/local-stack/testing/ownServers';
import { useTestStack } from '@analytics/local-stack/testing/useTestStack';
import { waitUntil } from '@analytics/local-stack/testing/waitUntil';
import { openRollupCollections } from '@analytics/shared/rollup/rollupCollections';
import { afterEach, expect, test } from 'vitest';
import { startApp } from './startApp.ts';

const shared = useTestStack();
const mongo = await startOwnMongo(['--setParameter', 'enableTestCommands=1']);
shared.register(() => mongo.remove());
const stack = { ...shared, MONGO_URI: `mongodb://127.0.0.1:${mongo.port}/analytics` };

const SLOW = 'setYieldAllLocksWait';
const NOW = Date.parse('2025-11-12T19:30:30Z');

type Service = Awaited<ReturnType<typeof start>>;

/** Starts the service with two turns, of which one site has one, and what waits in MongoDB for a test. */
async function start(settings: Record<string, string> = {}, now?: () => number) {
  const started = await startApp(stack, { STATS_MAX_CONCURRENT: '2', ...settings }, now);
  const server = createServer(started.app).listen(0, '127.0.0.1');
  await once(server, 'listening');
  shared.register(() => server.close().closeAllConnections());
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const ask = (path: string, signal?: AbortSignal) => fetch(url + path, signal ? { signal } : {});
  return { ...started, ask, get: async (path: string) => (await ask(path)).json() as Promise<Answer> };
}

interface Answer {
  total_views: number;
  total: number;
  meta: { as_of: string };
}

const plain = await start();
const { admin } = plain;

/** MongoDB begins aggregations only after a while: all of them, or some. */
const delayAggregations = (blockTimeMS: number, mode: Mode = 'alwaysOn') =>
  delayCommands('aggregate', blockTimeMS, mode);

type Mode = 'alwaysOn' | { times: number };

const delayCommands = (command: string, blockTimeMS: number, mode: Mode) =>
  admin.command({
    configureFailPoint: 'failCommand',
    mode,
    data: { failCommands: [command], blockConnection: true, blockTimeMS },
  });

/** MongoDB takes 20 ms for each event that it reads, between two looks at whether anybody still wants the answer. */
async function slowDownReading(): Promise<void> {
  await admin.command({ setParameter: 1, internalQueryExecYieldIterations: 1 });
  const data = { namespace: 'analytics.events', waitForMillis: 20 };
  await admin.command({ configureFailPoint: SLOW, mode: 'alwaysOn', data });
}

/** The numbers of the operations that MongoDB works on, or is held up in. */
async function listOperations(collection: string): Promise<number[]> {
  const { inprog } = (await admin.command({ currentOp: 1, ns: `analytics.${collection}` })) as unknown as {
    inprog: { opid: number }[];
  };
  return inprog.map(({ opid }) => opid);
}

interface ServerStatus {
  metrics: { commands: { aggregate: { total: number } } };
}

const isAny = ({ length }: number[]) => length > 0;

afterEach(async () => {
  for (const configureFailPoint of ['failCommand', SLOW]) {
    await admin.command({ configureFailPoint, mode: 'off' });
  }
});

test('forty reports that are asked for at once are all answered, each in its turn', async () => {
  const site_id = await plain.storeSite('2025-11-12T10:00:00Z /1 ann', '2025-11-12T10:00:00Z /2 bob');
  await delayAggregations(5);

  const answers = await Promise.all(
    Array.from({ length: 40 }, (_, index) => plain.get(`/stats?site_id=${site_id}&path=/${index}`)),
  );

  expect(answers.map(({ total_views }) => total_views).join('')).toBe('011'.padEnd(40, '0'));
});

test('503 is for reports whose turn does not come in time, when their time is over', async () => {
  const { ask } = await start({ STATS_TIMEOUT_SECONDS: '1' });
  await delayAggregations(150);
  const startedMs = performance.now();

  const statuses = await Promise.all(
    Array.from({ length: 12 }, async (_, index) => (await ask(`/stats?site_id=a&path=/${index}`)).status),
  );

  // Each takes three times 150 ms, in one turn after the other.
  expect(performance.now() - startedMs).toBeLessThan(2000);
  expect(statuses[0]).toBe(200);
  expect(new Set(statuses)).toEqual(new Set([200, 503]));
  await waitUntil(async () => (await ask('/stats?site_id=a')).status === 200);
});

test('each request has its whole time, also one that waits for what another one asked for', async () => {
  const { ask } = await start({
    STATS_TIMEOUT_SECONDS: '2',
    STATS_MAX_CONCURRENT: '1',
    STATS_CACHE_TTL_SECONDS: '5',
  });
  const timed = async (path: string) => {
    const startedMs = performance.now();
    const { status } = await ask(path);
    return { status, ms: performance.now() - startedMs };
  };
  // A report takes three times 450 ms, so that the second one is there 2.7 s after the first one has begun.
  await delayAggregations(450);
  const takesTurn = ask('/stats?site_id=a');
  await waitUntil(() => listOperations('$cmd'), isAny);

  const early = timed('/stats?site_id=b');
  expect((await takesTurn).status).toBe(200);
  const late = timed('/stats?site_id=b');

  expect([(await early).status, (await late).status]).toEqual([503, 200]);
  expect((await early).ms).toBeGreaterThan(1990);
});

test('a site that asks for much does not hold up another one', async () => {
  await delayAggregations(20);
  const order: string[] = [];
  const ask = (site_id: string, index: number) =>
    plain.get(`/stats?site_id=${site_id}&path=/${index}`).then(() => order.push(site_id));
  const busy = Array.from({ length: 15 }, (_, index) => ask('busy', index));
  await waitUntil(() => order.length > 0);

  await ask('quiet', 0);

  expect(order.length).toBeLessThan(10);
  await Promise.all(busy);
});

test('a client that leaves ends its work in MongoDB and gives its turn to the next one', async () => {
  const lines = Array.from({ length: 500 }, (_, index) => `2025-11-12T10:00:00Z /${index} ann`);
  const site_id = await plain.storeSite(...lines);
  const range = `site_id=${site_id}&date=2025-11-12`;
  await slowDownReading();
  const leaving = new AbortController();
  const left = plain.ask(`/stats/breakdown?${range}&dimension=path`, leaving.signal);
  const operations = await waitUntil(() => listOperations('events'), isAny);
  const next = plain.get(`/stats?${range}`);

  leaving.abort();
  await expect(left).rejects.toThrow('abort');

  // The next one of the site, which had to wait, takes its place, long before the first one could have ended.
  const isReplaced = (others: number[]) => isAny(others) && !others.some((each) => operations.includes(each));
  await waitUntil(() => listOperations('events'), isReplaced, 5000);
  await admin.command({ configureFailPoint: SLOW, mode: 'off' });
  expect((await next).total_views).toBe(500);
});

test('many reports at once do not keep MongoDB from showing a sign of life', async () => {
  const { ask } = await start({ STATS_MAX_CONCURRENT: '150' });
  await delayAggregations(1500);

  const answers = Array.from({ length: 110 }, (_, index) => ask(`/stats/realtime?site_id=${index}`));

  expect((await Promise.all(answers)).filter(({ status }) => status !== 200)).toEqual([]);
});

/** Lets an event come late to an hour that is over. */
async function storeLate({ storeEvents, connection }: Service, site_id: string): Promise<void> {
  const { marks } = openRollupCollections(connection.getClient().db('analytics'));
  const start = new Date('2025-11-12T10:00:00Z');
  await marks.insertOne({ _id: { site_id, granularity: 'hour', start }, ripe_at: new Date() });
  await storeEvents([{ site_id, path: '/', user_id: null, timestamp: start.toISOString() }]);
}

test.each([
  ['it was begun before an event came late', '5', 0, storeLate],
  ['it is older than an answer may be', '5', 6000, async () => {}],
  ['no answer may be old', '0', 0, async () => {}],
])(
  'no request waits for a report that was begun before it where %s',
  async (_case, ttl, passedMs, change) => {
    let nowMs = NOW;
    const service = await start({ STATS_CACHE_TTL_SECONDS: ttl, STATS_MAX_CONCURRENT: '4' }, () => nowMs);
    const site_id = randomUUID();
    const path = `/stats?site_id=${site_id}&date=2025-11-12`;
    const order: string[] = [];
    await delayAggregations(600, { times: 1 });
    const begun = service.get(path).then(() => order.push('begun'));
    await waitUntil(() => listOperations('$cmd'), isAny);

    await change(service, site_id);
    nowMs += passedMs;
    const answer = await service.get(path);
    order.push('asked later');
    await begun;

    expect(order).toEqual(['asked later', 'begun']);
    expect(answer.total_views).toBe(change === storeLate ? 1 : 0);
  },
);

test('a client that leaves a report takes nothing from one that was about to wait for it', async () => {
  const { ask, get, storeSite } = await start({ STATS_CACHE_TTL_SECONDS: '5', STATS_MAX_CONCURRENT: '4' });
  const lines = Array.from({ length: 100 }, (_, index) => `2025-11-12T10:00:00Z /${index} ann`);
  const path = `/stats?site_id=${await storeSite(...lines)}&date=2025-11-12`;
  await slowDownReading();
  const leaving = new AbortController();
  const left = ask(path, leaving.signal);
  await waitUntil(() => listOperations('events'), isAny);
  // The second request is looking at marks when the first one leaves.
  await delayCommands('find', 300, { times: 1 });
  const answer = get(path);
  await waitUntil(() => listOperations('$cmd'), isAny);

  leaving.abort();
  await expect(left).rejects.toThrow('abort');
  await admin.command({ configureFailPoint: SLOW, mode: 'off' });

  expect(await answer).toMatchObject({ total_views: 100 });
});

test('no report is made for a client that left while its kept answer was looked at', async () => {
  const service = await start({ STATS_CACHE_TTL_SECONDS: '5' }, () => NOW);
  const site_id = randomUUID();
  const path = `/stats?site_id=${site_id}&date=2025-11-12`;
  const other = `/stats?site_id=${randomUUID()}&date=2025-11-12`;
  await service.get(path);
  await service.get(other);
  await storeLate(service, site_id);
  const countReports = async () =>
    ((await admin.command({ serverStatus: 1 })) as unknown as ServerStatus).metrics.commands.aggregate.total;
  const before = await countReports();
  await delayCommands('find', 300, { times: 1 });
  const leaving = new AbortController();
  const left = service.ask(path, leaving.signal);
  await waitUntil(() => listOperations('$cmd'), isAny);

  leaving.abort();
  await expect(left).rejects.toThrow('abort');
  await waitUntil(async () => !isAny(await listOperations('$cmd')));
  // Looked at after the other one.
  await service.get(other);

  expect(await countReports()).toBe(before);
});

test('as_of is a moment in the turn of a report: what was stored while it waited is in the numbers', async () => {
  const { get, storeEvents } = await start({ STATS_MAX_CONCURRENT: '1' });
  await delayAggregations(300, { times: 1 });
  const before = get('/stats?site_id=before');
  const waiting = get('/stats/breakdown?site_id=waiting&dimension=path');

  await storeEvents([{ site_id: 'waiting', path: '/', user_id: null, timestamp: '2025-11-12T10:00:00Z' }]);
  const storedAt = new Date().toISOString();
  await before;

  const { total, meta } = await waiting;
  expect(total).toBe(1);
  expect(meta.as_of >= storedAt).toBe(true);
});
