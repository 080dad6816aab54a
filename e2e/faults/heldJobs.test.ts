import { waitUntil } from '@analytics/local-stack/testing/waitUntil';
import { INGEST_BATCH_JOB } from '@analytics/shared/event/eventQueue';
import { test } from 'vitest';
import { toEventJob } from './harness/ledger.ts';
import { type FaultContext, runFault } from './harness/runFault.ts';
import type { Victim } from './harness/victim.ts';

const KILLS = 5;

/** As many as a worker holds by default. */
const HELD_JOBS = 100;

/**
 * More events than two inserts carry, so that most are still with the worker and not on their way to MongoDB.
 */
const EVENTS_PER_JOB = 30;

/**
 * Fills the worker's hands: jobs stay in them for as long as MongoDB hangs. Nothing else is sent meanwhile: a
 * worker that is kept busy by new jobs never waits for those that were put off.
 */
async function holdJobs({ system, load, ledger }: FaultContext, count = HELD_JOBS): Promise<void> {
  await load.pause();
  await system.mongo.freeze();
  const entries = ledger.open(Array.from({ length: count * EVENTS_PER_JOB }, load.nextEvent));
  const jobs = Array.from({ length: count }, (_, index) => ({
    name: INGEST_BATCH_JOB,
    data: { events: entries.slice(index * EVENTS_PER_JOB, (index + 1) * EVENTS_PER_JOB).map(toEventJob) },
  }));
  await system.queue.addBulk(jobs);
  ledger.acknowledge(entries);
  await waitUntil(async () => (await system.queue.getActiveCount()) >= HELD_JOBS);
}

test('all events of a killed worker are stored within fifteen seconds', (context) =>
  runFault(context, {
    name: `worker killed with ${HELD_JOBS} jobs in hand`,
    run: async (faultContext) => {
      const { system } = faultContext;
      await holdJobs(faultContext);
      const worker = system.workers[0] as Victim;
      await worker.kill();
      system.mongo.resume();
      await worker.restart();
    },
  }));

test('all events of two workers are stored within fifteen seconds if one is killed', (context) =>
  runFault(context, {
    name: 'one of two workers killed with jobs in hand',
    system: { workers: 2 },
    run: async (faultContext) => {
      const { system } = faultContext;
      await holdJobs(faultContext);
      await (system.workers[0] as Victim).kill();
      system.mongo.resume();
      await (system.workers[0] as Victim).restart();
    },
  }));

test('all events of a worker are stored within fifteen seconds if Redis closes its connections repeatedly', (context) =>
  runFault(context, {
    name: `CLIENT KILL with ${HELD_JOBS} jobs in hand`,
    rules: { mayRefuse: true, mayCut: false },
    run: async (faultContext) => {
      const { system } = faultContext;
      const { queue, redisClient } = system;
      await holdJobs(faultContext, 5 * HELD_JOBS);
      system.mongo.resume();
      // Each time Redis has answers on their way: that jobs are finished, and which jobs are next.
      for (let kill = 0; kill < KILLS; kill += 1) {
        const left = await queue.getJobCountByTypes('wait', 'active');
        await waitUntil(async () => (await queue.getJobCountByTypes('wait', 'active')) < left);
        await redisClient.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
      }
    },
  }));
