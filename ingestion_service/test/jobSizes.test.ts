import { useTestStack } from '@analytics/local-stack/testing/useTestStack';
import { waitUntil } from '@analytics/local-stack/testing/waitUntil';
import type { EventJob } from '@analytics/shared/event/event';
import { createEventId } from '@analytics/shared/event/eventId';
import { Redis } from 'ioredis';
import request from 'supertest';
import { beforeEach, expect, test } from 'vitest';
import { startApp } from './startApp.ts';

const stack = useTestStack();
const { app, queue, enqueueEvents } = await startApp(stack);
const redis = new Redis(stack.REDIS_PORT, stack.REDIS_HOST);
stack.register(() => redis.quit());

const MEBI = 1024 * 1024;
const FILL_BYTES = MEBI / 2;

beforeEach(async () => {
  await queue.obliterate({ force: true });
  await waitUntil(async () => (await request(app).get('/readyz')).status === 200);
});

const createJob = (change: Partial<EventJob> = {}): EventJob => ({
  _id: createEventId(),
  site_id: 's',
  event_type: 'page_view',
  path: '/',
  user_id: null,
  timestamp: '2025-11-12T19:30:01Z',
  ...change,
});

/** The bytes of data of each waiting job, and the events of all of them. */
async function readJobs(): Promise<{ sizes: number[]; events: number }> {
  const jobs = await queue.getJobs(['waiting']);
  const sizes = await Promise.all(jobs.map(({ id }) => redis.hstrlen(queue.toKey(id ?? ''), 'data')));
  return { sizes, events: jobs.reduce((sum, { data }) => sum + (data.events?.length ?? 1), 0) };
}

const WIDE_TEXT = '語'.repeat(1024);
const PROPERTIES = Object.fromEntries(Array.from({ length: 20 }, (_, index) => [`p${index}`, WIDE_TEXT]));

test.each([
  ['a field without a limit', { timestamp: `2025-11-12T19:30:01.${'1'.repeat(65_000)}Z` }],
  ['text of three bytes a character', { properties: PROPERTIES }],
])('no job exceeds its bytes: %s', async (_name, change) => {
  const events = Array.from({ length: 300 }, () => createJob(change));

  await Promise.all(events.map((event) => enqueueEvents([event])));

  const { sizes, events: count } = await readJobs();
  expect(count).toBe(300);
  expect(Math.max(...sizes)).toBeLessThanOrEqual(FILL_BYTES);
});

test('pending events are limited by their bytes; the others get a 503', async () => {
  const large = () => enqueueEvents([createJob({ timestamp: '1'.repeat(5 * MEBI) })]);

  const results = await Promise.allSettled(Array.from({ length: 8 }, large));

  const refusals = results.flatMap((result) => (result.status === 'rejected' ? [result.reason] : []));
  expect(refusals).toMatchObject([
    { status: 503, message: 'Too many events are waiting here. Try again.' },
    { status: 503, message: 'Too many events are waiting here. Try again.' },
  ]);
  expect((await readJobs()).events).toBe(6);
});

test('events that exceed a job are rejected with 413, and nothing is queued', async () => {
  const events = [createJob(), createJob({ path: 'x'.repeat(16 * MEBI) })];

  await expect(enqueueEvents(events)).rejects.toMatchObject({ status: 413 });

  expect(await readJobs()).toEqual({ sizes: [], events: 0 });
});
