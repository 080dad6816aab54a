import { startOwnRedis } from '@analytics/local-stack/testing/ownServers';
import { parseMetrics, pickSamples } from '@analytics/local-stack/testing/readMetrics';
import { useTestStack } from '@analytics/local-stack/testing/useTestStack';
import { waitUntil } from '@analytics/local-stack/testing/waitUntil';
import type { Express } from 'express';
import request from 'supertest';
import { beforeEach, expect, test } from 'vitest';
import { startApp } from './startApp.ts';
import { event } from './startPosting.ts';

const stack = useTestStack();
const invalid = { ...event, path: '' };

const post = (app: Express, body: object) => request(app).post('/event').send(body);
const postBatch = (app: Express, events: object[], query = '') =>
  request(app).post(`/events${query}`).send({ events });
const scrape = async (app: Express) => parseMetrics((await request(app).get('/metrics')).text);
const untilReady = (app: Express) =>
  waitUntil(async () => (await request(app).get('/readyz')).status === 200);

/** Starts a service with counters of its own, when it accepts events. */
async function start(limits: Parameters<typeof startApp>[1] = {}, redisPort = stack.REDIS_PORT) {
  const { app, queue } = await startApp(
    { ...stack, REDIS_PORT: redisPort },
    { sampleIntervalMs: 20, ...limits },
  );
  await untilReady(app);
  return { app, queue, refused: async () => pickSamples(await scrape(app), /_refused_total/) };
}

const reason = (name: string) => `analytics_ingestion_events_refused_total{reason="${name}"}`;

const { queue: shared } = await startApp(stack);

beforeEach(() => shared.drain());

test('accepted events, the sizes of their jobs and the time to acknowledge are counted', async () => {
  const { app } = await start();
  await post(app, event);
  await postBatch(app, [event, event, event]);

  const samples = await scrape(app);
  expect(pickSamples(samples, /accepted_total|job_events_(sum|count)|acknowledge_seconds_count/)).toEqual({
    analytics_ingestion_events_accepted_total: 4,
    analytics_ingestion_job_events_sum: 4,
    analytics_ingestion_job_events_count: 2,
    analytics_ingestion_acknowledge_seconds_count: 2,
  });
  expect(samples.get('analytics_ingestion_acknowledge_seconds_sum')).toBeGreaterThan(0);
});

test('an event that is refused is counted by its reason', async () => {
  const { app, refused } = await start();
  await post(app, invalid);
  await request(app).post('/event').type('application/json').send('{');
  await postBatch(app, [event, invalid, event]);
  await request(app)
    .post('/events?parts=true')
    .send({ events: [event] });
  await request(app).post('/event').type('text/csv').send('a,b');
  await request(app).post('/event').set('Content-Encoding', 'zstd').send(event);
  await post(app, { ...event, path: 'x'.repeat(70_000) });
  await request(app).post('/unknown').send(event);

  expect(await refused()).toEqual({
    [reason('invalid')]: 6,
    [reason('unsupported')]: 2,
    [reason('too_large')]: 1,
  });
});

test('of a partly accepted batch, both parts are counted', async () => {
  const { app, refused } = await start();
  const { status } = await postBatch(app, [event, invalid, invalid, event], '?partial=true');

  expect(status).toBe(202);
  expect(await refused()).toEqual({ [reason('invalid')]: 2 });
  expect((await scrape(app)).get('analytics_ingestion_events_accepted_total')).toBe(2);
});

test('events that backpressure refuses are counted', async () => {
  const { app, refused } = await start({ maxWaitingEvents: 5 });
  await waitUntil(async () => (await postBatch(app, [event, event, event])).status === 503);
  const before = await refused();
  await postBatch(app, [event, event]);

  expect(Object.keys(before)).toEqual([reason('backpressure')]);
  expect((await refused())[reason('backpressure')]).toBe((before[reason('backpressure')] ?? 0) + 2);
});

test('without Redis, refused events are counted and the age of the oldest event is unknown', async () => {
  const redis = await startOwnRedis();
  stack.register(() => redis.remove());
  const { app, refused } = await start({}, redis.port);
  await redis.stop();
  await waitUntil(async () => (await request(app).get('/readyz')).status === 503);
  await post(app, event);

  expect((await refused())[reason('redis_unavailable')]).toBe(1);
  const samples = await scrape(app);
  expect(samples.has('analytics_queue_oldest_event_age_seconds')).toBe(false);
  expect(samples.get('analytics_dependency_up{dependency="redis"}')).toBe(0);
});

test('the queue is measured by state, with the age of its oldest event', async () => {
  const { app, queue } = await start();
  const age = async () => (await scrape(app)).get('analytics_queue_oldest_event_age_seconds');
  const ageOfNone = await age();
  await post(app, event);
  const ageOfNew = (await age()) ?? Number.NaN;
  await queue.drain();
  await queue.add('ingest-event', event, { timestamp: Date.now() - 3_600_000 });
  await post(app, event);
  await queue.add('ingest-event', event, { delay: 7_200_000 });
  const samples = await waitUntil(
    () => scrape(app),
    (found) =>
      found.get('analytics_queue_jobs{state="delayed"}') === 1 &&
      found.get('analytics_queue_jobs{state="wait"}') === 2,
  );

  expect(ageOfNone).toBe(0);
  expect(ageOfNew).toBeGreaterThan(0);
  expect(ageOfNew).toBeLessThan(60);
  expect(samples.get('analytics_queue_oldest_event_age_seconds')).toBeGreaterThan(3599);
  expect(pickSamples(samples, /^analytics_queue_(jobs|events)/)).toEqual({
    'analytics_queue_jobs{state="wait"}': 2,
    'analytics_queue_jobs{state="delayed"}': 1,
    'analytics_queue_events{state="wait"}': 2,
    'analytics_queue_events{state="delayed"}': 1,
  });
  expect(samples.get('analytics_queue_bytes{state="wait"}')).toBeGreaterThan(800);
  expect(samples.get('analytics_redis_memory_used_bytes')).toBeGreaterThan(100_000);
  expect(samples.get('analytics_redis_memory_limit_bytes')).toBeGreaterThan(100_000);
});
