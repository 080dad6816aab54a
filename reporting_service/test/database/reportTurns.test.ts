import { waitUntil } from '@analytics/local-stack/testing/waitUntil';
import { expect, test } from 'vitest';
import { isAny, startOnSlowMongo } from '../startOnSlowMongo.ts';

const { start, plain, delayAggregations, slowDownReading, readFast, listOperations } =
  await startOnSlowMongo();

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
  await readFast();
  expect((await next).total_views).toBe(500);
});

test('many reports at once do not keep MongoDB from showing a sign of life', async () => {
  const { ask } = await start({ STATS_MAX_CONCURRENT: '150' });
  await delayAggregations(1500);

  const answers = Array.from({ length: 110 }, (_, index) => ask(`/stats/realtime?site_id=${index}`));

  expect((await Promise.all(answers)).filter(({ status }) => status !== 200)).toEqual([]);
});

test('as_of is a moment in the turn of a report: what was stored while it waited is in the numbers', async () => {
  const { get, storeEvents, storeSite, countRequests } = await start({ STATS_MAX_CONCURRENT: '1' });
  const lines = Array.from({ length: 500 }, (_, index) => `2025-11-12T10:00:00Z /${index} ann`);
  const site_id = await storeSite(...lines);
  await slowDownReading();
  const before = get(`/stats?site_id=${site_id}&date=2025-11-12`);
  await waitUntil(() => listOperations('events'), isAny);
  const waiting = get('/stats/breakdown?site_id=waiting&dimension=path');
  await waitUntil(() => countRequests() === 2);

  await storeEvents([{ site_id: 'waiting', path: '/', user_id: null, timestamp: '2025-11-12T10:00:00Z' }]);
  const storedAt = new Date().toISOString();
  await readFast();
  await before;

  const { total, meta } = await waiting;
  expect(total).toBe(1);
  expect(meta.as_of >= storedAt).toBe(true);
});
