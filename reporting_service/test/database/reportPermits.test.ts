import { waitUntil } from '@analytics/local-stack/testing/waitUntil';
import { expect, test } from 'vitest';
import { isAny, startOnSlowMongo } from '../startOnSlowMongo.ts';

const { start, plain, delayAggregations, slowDownReading, readFast, listOperations } =
  await startOnSlowMongo();

test('forty simultaneous reports are all answered', async () => {
  const site_id = await plain.storeSite('2025-11-12T10:00:00Z /1 ann', '2025-11-12T10:00:00Z /2 bob');
  await delayAggregations(5);

  const answers = await Promise.all(
    Array.from({ length: 40 }, (_, index) => plain.get(`/stats?site_id=${site_id}&path=/${index}`)),
  );

  expect(answers.map(({ total_views }) => total_views).join('')).toBe('011'.padEnd(40, '0'));
});

test('a report that gets no permit in time is answered with 503 at its deadline', async () => {
  const { ask } = await start({ STATS_TIMEOUT_SECONDS: '1' });
  await delayAggregations(150);
  const startedMs = performance.now();

  const statuses = await Promise.all(
    Array.from({ length: 12 }, async (_, index) => (await ask(`/stats?site_id=a&path=/${index}`)).status),
  );

  // Each takes three times 150 ms, one after another.
  expect(performance.now() - startedMs).toBeLessThan(2000);
  expect(statuses[0]).toBe(200);
  expect(new Set(statuses)).toEqual(new Set([200, 503]));
  await waitUntil(async () => (await ask('/stats?site_id=a')).status === 200);
});

test('each request has its full time limit, even if it shares the report of an earlier request', async () => {
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

test('a site with many requests does not delay another site', async () => {
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

test('when a client disconnects, its work in MongoDB ends and its permit goes to the next report', async () => {
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

test('many reports at once do not delay the health check of MongoDB', async () => {
  const { ask } = await start({ STATS_MAX_CONCURRENT: '150' });
  await delayAggregations(1500);

  const answers = Array.from({ length: 110 }, (_, index) => ask(`/stats/realtime?site_id=${index}`));

  expect((await Promise.all(answers)).filter(({ status }) => status !== 200)).toEqual([]);
});

test('as_of is read after the wait for a permit: events stored during the wait are counted', async () => {
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
