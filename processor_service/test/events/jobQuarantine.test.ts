import { useTestStack } from '@analytics/local-stack/testing/useTestStack';
import { waitUntil } from '@analytics/local-stack/testing/waitUntil';
import type { EventJob } from '@analytics/shared/event/event';
import { INGEST_BATCH_JOB, INGEST_EVENT_JOB } from '@analytics/shared/event/eventQueue';
import { closeRedis, createWorkerRedis } from '@analytics/shared/redis/redis';
import { createLogger } from '@analytics/shared/service/logger';
import type { Queue } from 'bullmq';
import { expect, test } from 'vitest';
import { createJobQuarantine, type JobQuarantine } from '../../src/events/jobQuarantine.ts';
import type { ProcessJob } from '../../src/events/processJob.ts';
import { createEvent } from '../createEvent.ts';
import { openQueue, openStore, startConsumer } from './startConsumer.ts';

const stack = useTestStack();
const queue = openQueue(stack);
const { Event, DeadLetter, deadLetters, processJob } = await openStore(stack);
const redis = createWorkerRedis(stack);
stack.register(() => closeRedis(redis));
const logger = createLogger({ name: 'processor_service', level: 'silent', isPretty: false });

const CONCURRENCY = 30;

/** Queues a job that lost this many workers. BullMQ counts them in `stc`. */
async function addAbandonedJob(name: string, data: unknown, stalledCount: number): Promise<void> {
  const job = await queue.add(name, data, { delay: 3_600_000 });
  await redis.hset(queue.toKey(job.id ?? ''), 'stc', stalledCount);
  await job.promote();
}

function startQuarantinedConsumer(step: ProcessJob, addBulk: Queue['addBulk'] = queue.addBulk.bind(queue)) {
  const quarantine = createJobQuarantine({
    queue: { addBulk },
    deadLetters,
    concurrency: CONCURRENCY,
    logger,
  });
  return startConsumer(stack, step, { concurrency: CONCURRENCY, quarantine });
}

const isQueueEmpty = async () =>
  (await queue.getJobCountByTypes('wait', 'active', 'delayed', 'failed')) === 0;

/**
 * Runs suspects that lost `deaths` workers, and other jobs. No job ends before `together` suspects and all
 * other jobs run and the other suspects are delayed. Resolves with the most of each kind that ran together.
 */
async function runAbandonedJobs({
  deaths,
  count,
  together,
}: {
  deaths: number;
  count: number;
  together: number;
}) {
  const left = Array.from({ length: count }, () => createEvent());
  const others = Array.from({ length: 10 }, () => createEvent());
  const leftIds = new Set(left.map(({ _id }) => _id));
  const delayed = new Set<unknown>();
  const running = { left: 0, others: 0 };
  const most = { left: 0, others: 0 };
  const quarantine = createJobQuarantine({ queue, deadLetters, concurrency: CONCURRENCY, logger });
  const run: JobQuarantine['run'] = (job, ...rest) =>
    quarantine.run(job, ...rest).catch((error) => {
      delayed.add(job.id);
      throw error;
    });
  for (const event of left) {
    await addAbandonedJob(INGEST_EVENT_JOB, event, deaths);
  }
  for (const event of others) {
    await queue.add(INGEST_EVENT_JOB, event);
  }
  const consumer = startConsumer(
    stack,
    async (job) => {
      const kind = leftIds.has((job.data as EventJob)._id) ? 'left' : 'others';
      running[kind] += 1;
      most[kind] = Math.max(most[kind], running[kind]);
      await waitUntil(() => most.others === others.length && delayed.size === count - together);
      const result = await processJob(job);
      running[kind] -= 1;
      return result;
    },
    { concurrency: CONCURRENCY, quarantine: { run } },
  );
  await waitUntil(isQueueEmpty);
  await consumer.close();
  expect(await Event.countDocuments({ _id: { $in: [...leftIds] } })).toBe(count);
  return most;
}

test('of the jobs that a dead worker left, a few run together; other jobs run next to them', async () => {
  expect(await runAbandonedJobs({ deaths: 1, count: 20, together: 6 })).toEqual({ left: 6, others: 10 });
});

test('of the jobs that two dead workers left, one runs at a time; other jobs run next to it', async () => {
  expect(await runAbandonedJobs({ deaths: 2, count: 5, together: 1 })).toEqual({ left: 1, others: 10 });
});

test('a briefly delayed job does not wait for a second', async () => {
  const consumer = startQuarantinedConsumer(processJob);
  const waitsMs: number[] = [];
  for (let round = 0; round < 3; round += 1) {
    const event = createEvent();
    const startedMs = performance.now();
    await queue.add(INGEST_EVENT_JOB, event, { delay: 50 });
    await waitUntil(() => Event.exists({ _id: event._id }));
    waitsMs.push(performance.now() - startedMs);
  }
  await consumer.close();

  expect(Math.min(...waitsMs)).toBeLessThan(1000);
});

test('a failed job is not a suspect: it runs immediately, next to any number of jobs', async () => {
  const runs = new Map<string, number>();
  let failures = 0;
  const consumer = startQuarantinedConsumer(async (job) => {
    const run = (runs.get(job.id) ?? 0) + 1;
    runs.set(job.id, run);
    // A run ends only while all others run, so one job at a time would never end.
    await waitUntil(() => runs.size === 10 && [...runs.values()].every((each) => each >= run));
    if (!job.isLastAttempt) {
      failures += 1;
      throw new Error('a bug');
    }
    return processJob(job);
  });

  const backoff = { type: 'fixed', delay: 20 };
  const jobs = Array.from({ length: 10 }, () => ({
    name: INGEST_EVENT_JOB,
    data: createEvent(),
    opts: { backoff },
  }));
  await queue.addBulk(jobs);
  await waitUntil(isQueueEmpty);
  await consumer.close();

  expect(failures).toBe(40);
});

test('a batch that lost two workers is split: its events are stored, and its other items become dead letters', async () => {
  const events = [createEvent(), createEvent(), createEvent()];
  await addAbandonedJob(INGEST_BATCH_JOB, { events: [...events, { nonsense: true }] }, 2);
  const sizes: number[] = [];

  const consumer = startQuarantinedConsumer(async (job) => {
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

test('an interrupted split is repeated, and stores no event twice', async () => {
  const events = Array.from({ length: 4 }, () => createEvent());
  await addAbandonedJob(INGEST_BATCH_JOB, { events }, 2);
  let tries = 0;

  const consumer = startQuarantinedConsumer(processJob, async (jobs) => {
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
