import { parseMetrics, pickSamples } from '@analytics/local-stack/testing/readMetrics';
import { useTestStack } from '@analytics/local-stack/testing/useTestStack';
import { waitUntil } from '@analytics/local-stack/testing/waitUntil';
import { Queue } from 'bullmq';
import request from 'supertest';
import { expect, test } from 'vitest';
import { createEvent } from './createEvent.ts';
import { openQueue } from './events/startConsumer.ts';
import { startProcessor } from './startProcessor.ts';

const stack = useTestStack();
const queue = openQueue(stack);
const { app, connection } = await startProcessor(stack);

const scrape = async () => parseMetrics((await request(app).get('/metrics')).text);

test('stored events, duplicates and dead letters are counted, with the times of jobs and inserts', async () => {
  const event = createEvent();
  await queue.add('ingest-batch', { events: [event, createEvent()] }, { timestamp: Date.now() - 5000 });
  await queue.add('ingest-batch', { events: [event, createEvent(), { path: 1 }] });
  const samples = await waitUntil(
    scrape,
    (found) =>
      found.get('analytics_worker_accepted_to_stored_seconds_count') === 2 &&
      found.get('analytics_worker_dead_letters') === 1,
  );

  expect(pickSamples(samples, /^analytics_worker_(events|dead)|_stored_seconds_count/)).toEqual({
    analytics_worker_events_stored_total: 3,
    analytics_worker_events_duplicate_total: 1,
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
