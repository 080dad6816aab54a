import { useTestStack } from '@analytics/local-stack/testing/useTestStack';
import { waitUntil } from '@analytics/local-stack/testing/waitUntil';
import {
  eventJobOptions,
  INGEST_BATCH_JOB,
  INGEST_EVENT_JOB,
  MAX_JOB_BYTES,
} from '@analytics/shared/event/eventQueue';
import { closeRedis, createWorkerRedis } from '@analytics/shared/redis/redis';
import { createLogger } from '@analytics/shared/service/logger';
import { UnrecoverableError } from 'bullmq';
import { expect, test } from 'vitest';
import { startFailedJobSweep } from '../../src/events/failedJobSweep.ts';
import { createEvent } from '../createEvent.ts';
import { openForeignQueue, openQueue, openStore, startConsumer } from './startConsumer.ts';

const stack = useTestStack();
const queue = openQueue(stack);
const { Event, DeadLetter, store, deadLetters } = await openStore(stack);
const redis = createWorkerRedis(stack);
stack.register(() => closeRedis(redis));
const sweep = startFailedJobSweep({
  redis,
  queue,
  findMissing: store.findMissing,
  deadLetters,
  logger: createLogger({ name: 'processor_service', level: 'silent', isPretty: false }),
});
stack.register(() => sweep.close());

test('the events of a failed job that are not stored become dead letters, and the job is removed', async () => {
  const [stored, lost] = [createEvent(), createEvent()];
  await store.storeEvents([stored]);
  const consumer = startConsumer(stack, () => Promise.reject(new UnrecoverableError('a bug')), {
    onJobFailed: sweep.request,
  });

  const job = await queue.add(INGEST_BATCH_JOB, { events: [stored, lost] }, eventJobOptions);
  await waitUntil(async () => (await queue.getJob(job.id ?? '')) === undefined);
  await consumer.close();

  expect(await DeadLetter.collection.find({ job_id: job.id ?? '' }).toArray()).toEqual([
    {
      _id: expect.anything(),
      raw: JSON.stringify(lost),
      site_id: 's',
      reason: 'a bug',
      job_id: job.id,
      attempts: 1,
      first_failed_at: expect.any(Date),
      last_failed_at: expect.any(Date),
    },
  ]);
  expect(await Event.countDocuments()).toBe(1);
});

test('a job that lost too many workers becomes dead letters, and the queue continues', async () => {
  const [poison, good] = [createEvent(), createEvent()];
  // BullMQ's check for stalled jobs writes this into a job that stalled too often.
  const job = await queue.add(INGEST_EVENT_JOB, poison, { ...eventJobOptions, delay: 60_000 });
  await redis.hset(queue.toKey(job.id ?? ''), 'defa', 'job stalled more than allowable limit');
  await job.promote();
  const { processJob } = await openStore(stack);
  const consumer = startConsumer(stack, processJob, { onJobFailed: sweep.request });

  await queue.add(INGEST_EVENT_JOB, good, eventJobOptions);
  await waitUntil(async () => (await Event.countDocuments({ _id: good._id })) === 1);
  await waitUntil(async () => (await DeadLetter.countDocuments({ _id: poison._id })) === 1);

  expect(await Event.countDocuments({ _id: poison._id })).toBe(0);
  await waitUntil(async () => (await queue.getFailedCount()) === 0);
  await consumer.close();
});

const MEBI = 1024 * 1024;

test('a job of exactly the limit is read', async () => {
  const event = createEvent();
  const frame = JSON.stringify({ events: [event], padding: '' });
  const padding = 'x'.repeat(MAX_JOB_BYTES - frame.length);
  const { processJob } = await openStore(stack);
  const consumer = startConsumer(stack, processJob);

  await openForeignQueue(stack).add(INGEST_BATCH_JOB, { events: [event], padding });
  await waitUntil(async () => (await Event.countDocuments({ _id: event._id })) === 1);
  await consumer.close();

  expect(await queue.getFailedCount()).toBe(0);
});

test.each([
  ['twenty million letters', 'x'.repeat(20 * MEBI - 2)],
  ['fewer letters of two bytes each', 'ü'.repeat(10 * MEBI - 1)],
])(
  'a job that is too large (%s) fails unread and stays in the queue; later jobs are moved',
  async (_name, data) => {
    const event = createEvent();
    const large = await openForeignQueue(stack).add(INGEST_EVENT_JOB, data);
    const seen: unknown[] = [];
    const consumer = startConsumer(
      stack,
      (job) => {
        seen.push(job.data);
        return Promise.reject(new UnrecoverableError('a bug'));
      },
      { onJobFailed: sweep.request },
    );
    await waitUntil(async () => (await large.getState()) === 'failed');

    await queue.add(INGEST_EVENT_JOB, event);
    await waitUntil(async () => (await DeadLetter.countDocuments({ _id: event._id })) === 1);
    // The job is removed after its dead letter is saved.
    await waitUntil(async () => (await queue.getFailedCount()) === 1);
    await consumer.close();

    expect(seen).toEqual([event]);
    expect(await redis.hmget(queue.toKey(large.id ?? ''), 'failedReason')).toEqual([
      "The job's data is 20.0 MiB long; more than 16.0 MiB is not read.",
    ]);
    expect(await redis.hstrlen(queue.toKey(large.id ?? ''), 'data')).toBe(20 * MEBI);
    await large.remove();
  },
);
