import { useTestStack } from '@analytics/local-stack/testing/useTestStack';
import { waitUntil } from '@analytics/local-stack/testing/waitUntil';
import type { EventJob } from '@analytics/shared/event';
import { INGEST_BATCH_JOB, INGEST_EVENT_JOB } from '@analytics/shared/eventQueue';
import { createLogger } from '@analytics/shared/logger';
import { closeRedis, createWorkerRedis } from '@analytics/shared/redis';
import type { Queue } from 'bullmq';
import { expect, test } from 'vitest';
import type { ProcessJob } from '../src/processJob.ts';
import { createSuspectJobs } from '../src/suspectJobs.ts';
import { createEvent } from './createEvent.ts';
import { openQueue, openStore, startConsumer } from './startConsumer.ts';

const stack = useTestStack();
const queue = openQueue(stack);
const { Event, DeadLetter, deadLetters, processJob } = await openStore(stack);
const redis = createWorkerRedis(stack);
stack.register(() => closeRedis(redis));
const logger = createLogger({ name: 'processor_service', level: 'silent', isPretty: false });

/** Queues a job that was left by so many workers that died. `stc` is where BullMQ counts that. */
async function addLeftJob(name: string, data: unknown, stalledCount: number): Promise<void> {
  const job = await queue.add(name, data, { delay: 3_600_000 });
  await redis.hset(queue.toKey(job.id ?? ''), 'stc', stalledCount);
  await job.promote();
}

function startGuardedConsumer(step: ProcessJob, addBulk: Queue['addBulk'] = queue.addBulk.bind(queue)) {
  const suspectJobs = createSuspectJobs({ queue: { addBulk }, deadLetters, logger });
  return startConsumer(stack, step, { concurrency: 20, suspectJobs });
}

const isQueueEmpty = async () =>
  (await queue.getJobCountByTypes('wait', 'active', 'delayed', 'failed')) === 0;

test('of the jobs that a dead worker left, one at a time is in the hands of the next; others go on beside it', async () => {
  const left = Array.from({ length: 10 }, () => createEvent());
  const others = Array.from({ length: 10 }, () => createEvent());
  const leftIds = new Set(left.map(({ _id }) => _id));
  const inHand = { left: 0, others: 0 };
  const most = { left: 0, others: 0 };
  for (const event of left) {
    await addLeftJob(INGEST_EVENT_JOB, event, 1);
  }
  for (const event of others) {
    await queue.add(INGEST_EVENT_JOB, event);
  }

  const consumer = startGuardedConsumer(async (job) => {
    const kind = leftIds.has((job.data as EventJob)._id) ? 'left' : 'others';
    inHand[kind] += 1;
    most[kind] = Math.max(most[kind], inHand[kind]);
    // The others stay until all of them are there.
    await waitUntil(() => kind === 'left' || most.others === others.length);
    const result = await processJob(job);
    inHand[kind] -= 1;
    return result;
  });
  await waitUntil(isQueueEmpty);
  await consumer.close();

  expect(most).toEqual({ left: 1, others: 10 });
  expect(await Event.countDocuments({ _id: { $in: [...leftIds] } })).toBe(10);
});

test('a batch that was left twice is taken apart: its events are stored, what is none goes to the dead letters', async () => {
  const events = [createEvent(), createEvent(), createEvent()];
  await addLeftJob(INGEST_BATCH_JOB, { events: [...events, { nonsense: true }] }, 2);
  const sizes: number[] = [];

  const consumer = startGuardedConsumer(async (job) => {
    const result = await processJob(job);
    sizes.push(result.events);
    return result;
  });
  await waitUntil(isQueueEmpty);
  await consumer.close();

  expect(sizes).toEqual([1, 1, 1]);
  expect(await Event.countDocuments({ _id: { $in: events.map(({ _id }) => _id) } })).toBe(3);
  expect(await DeadLetter.collection.find().toArray()).toMatchObject([{ raw: '{"nonsense":true}' }]);
});

test('a batch that could not be taken apart whole is taken apart again; nothing is stored twice', async () => {
  const events = Array.from({ length: 4 }, () => createEvent());
  await addLeftJob(INGEST_BATCH_JOB, { events }, 2);
  let tries = 0;

  const consumer = startGuardedConsumer(processJob, async (jobs) => {
    tries += 1;
    const added = await queue.addBulk(tries === 1 ? jobs.slice(0, 2) : jobs);
    if (tries === 1) {
      throw new Error('Redis went away in the middle');
    }
    return added;
  });
  await waitUntil(isQueueEmpty);
  await consumer.close();

  expect(tries).toBe(2);
  expect(await Event.countDocuments({ _id: { $in: events.map(({ _id }) => _id) } })).toBe(4);
});
