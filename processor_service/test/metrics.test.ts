import { parseMetrics, pickSamples } from '@analytics/local-stack/testing/readMetrics';
import { useTestStack } from '@analytics/local-stack/testing/useTestStack';
import { waitUntil } from '@analytics/local-stack/testing/waitUntil';
import { createSiteStore } from '@analytics/sites/siteStore';
import { Queue } from 'bullmq';
import { createConnection } from 'mongoose';
import request from 'supertest';
import { expect, test } from 'vitest';
import { createEvent } from './createEvent.ts';
import { openQueue } from './events/startConsumer.ts';
import { startProcessor } from './startProcessor.ts';

const stack = useTestStack();
const queue = openQueue(stack);
await storeExpiredEvent();
const { app, connection } = await startProcessor(stack);

/** Stores an event that its site keeps no longer, while the retention has been missed for days. */
async function storeExpiredEvent(): Promise<void> {
  const early = await createConnection(stack.MONGO_URI).asPromise();
  const { db } = early;
  if (db === undefined) {
    throw new Error('not connected');
  }
  await createSiteStore(() => db).add({ id: 'old', retention_days: 1 });
  const past = new Date('2025-11-12T19:30:01Z');
  await db.collection('events').insertOne({ site_id: 'old', timestamp: past, createdAt: past });
  await db
    .collection('leases')
    .insertOne({ _id: 'retention' as never, holder: null, expires_at: past, done_for: past });
  await early.close();
}

const scrape = async () => parseMetrics((await request(app).get('/metrics')).text);

test('stored events, duplicates, dead letters and expired events are counted, with the times of jobs and inserts', async () => {
  const event = createEvent();
  await queue.add('ingest-batch', { events: [event, createEvent()] }, { timestamp: Date.now() - 5000 });
  await queue.add('ingest-batch', { events: [event, createEvent(), { path: 1 }] });
  const samples = await waitUntil(
    scrape,
    (found) =>
      found.get('analytics_worker_accepted_to_stored_seconds_count') === 2 &&
      found.get('analytics_worker_events_expired_total') === 1 &&
      found.get('analytics_worker_dead_letters') === 1,
  );

  expect(pickSamples(samples, /^analytics_worker_(events|dead)|_stored_seconds_count/)).toEqual({
    analytics_worker_events_stored_total: 3,
    analytics_worker_events_duplicate_total: 1,
    analytics_worker_events_expired_total: 1,
    analytics_worker_dead_letters_new_total: 1,
    analytics_worker_dead_letters: 1,
    analytics_worker_accepted_to_stored_seconds_count: 2,
  });
  expect(samples.get('analytics_worker_accepted_to_stored_seconds_sum')).toBeGreaterThan(5);
  expect(samples.get('analytics_worker_insert_seconds_count')).toBeGreaterThan(0);
  expect(samples.get('analytics_worker_insert_seconds_sum')).toBeGreaterThan(0);
});

test('buckets that are due for rollup are counted, with the age of the oldest', async () => {
  const rollups = new Queue(`${stack.QUEUE_NAME}-rollups`, {
    connection: { host: stack.REDIS_HOST, port: stack.REDIS_PORT },
    prefix: stack.QUEUE_PREFIX,
  });
  stack.register(() => rollups.close());
  await rollups.pause();
  const before = await waitUntil(scrape, (found) => found.has('analytics_rollup_buckets_due'));
  const invalidate = (hour: number, dueMs: number) => ({
    _id: { site_id: 'late', granularity: 'hour', start: new Date(Date.UTC(2025, 10, 12, hour)) } as never,
    due_at: new Date(Date.now() + dueMs),
  });
  await connection.db
    ?.collection('rollup_invalidations')
    .insertMany([invalidate(1, -600_000), invalidate(2, -1000), invalidate(3, 600_000)]);
  const after = await scrape();

  expect(pickSamples(before, /^analytics_rollup/)).toEqual({});
  expect(after.get('analytics_rollup_buckets_due')).toBe(2);
  expect(after.get('analytics_rollup_oldest_due_age_seconds')).toBeGreaterThan(599);
  expect(after.get('analytics_rollup_oldest_due_age_seconds')).toBeLessThan(700);
});

test('the scrape has the dependencies and the responses of the worker', async () => {
  const samples = await scrape();

  expect(pickSamples(samples, /^analytics_(dependency_up|http)/)).toEqual({
    'analytics_dependency_up{dependency="redis"}': 1,
    'analytics_dependency_up{dependency="mongodb"}': 1,
    'analytics_dependency_up{dependency="worker"}': 1,
    'analytics_http_responses_total{status_class="2xx"}': expect.any(Number),
  });
});
