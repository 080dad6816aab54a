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

/** Queues a job that was left by this many dead workers. `stc` is where BullMQ counts that. */
async function addLeftJob(name: string, data: unknown, stalledCount: number): Promise<void> {
  const job = await queue.add(name, data, { delay: 3_600_000 });
  await redis.hset(queue.toKey(job.id ?? ''), 'stc', stalledCount);
  await job.promote();
}

function startGuardedConsumer(step: ProcessJob, addBulk: Queue['addBulk'] = queue.addBulk.bind(queue)) {
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
 * Runs jobs that were left `deaths` times, and jobs that never were. Those that run go on until `together` of
 * the former and all of the latter run and every other suspect was put off. Resolves with how many of each
 * ran together at most.
 */
async function runLeftJobs({ deaths, count, together }: { deaths: number; count: number; together: number }) {
  const left = Array.from({ length: count }, () => createEvent());
  const others = Array.from({ length: 10 }, () => createEvent());
  const leftIds = new Set(left.map(({ _id }) => _id));
  const putOff = new Set<unknown>();
  const running = { left: 0, others: 0 };
  const most = { left: 0, others: 0 };
  const quarantine = createJobQuarantine({ queue, deadLetters, concurrency: CONCURRENCY, logger });
  const run: JobQuarantine['run'] = (job, ...rest) =>
    quarantine.run(job, ...rest).catch((error) => {
      putOff.add(job.id);
      throw error;
    });
  for (const event of left) {
    await addLeftJob(INGEST_EVENT_JOB, event, deaths);
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
      await waitUntil(() => most.others === others.length && putOff.size === count - together);
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

test('of the jobs that a dead worker left, a few run together; others go on beside them', async () => {
  expect(await runLeftJobs({ deaths: 1, count: 20, together: 6 })).toEqual({ left: 6, others: 10 });
});

test('of the jobs that two dead workers left, one runs at a time; others go on beside it', async () => {
  expect(await runLeftJobs({ deaths: 2, count: 5, together: 1 })).toEqual({ left: 1, others: 10 });
});

test('a job that is put off for a moment is not left for a second', async () => {
  const consumer = startGuardedConsumer(processJob);
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

test('a job that failed is no suspect: it runs at once, however many do', async () => {
  const runs = new Map<string, number>();
  let failures = 0;
  const consumer = startGuardedConsumer(async (job) => {
    const run = (runs.get(job.id) ?? 0) + 1;
    runs.set(job.id, run);
    // Each run goes on only beside that of all others, so that one job at a time would never be through.
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
