import { join } from 'node:path';
import { waitUntil } from '@analytics/local-stack/testing/waitUntil';
import { INGEST_BATCH_JOB } from '@analytics/shared/event/eventQueue';
import { expect, test } from 'vitest';
import { toEventJob } from './harness/ledger.ts';
import { runFault } from './harness/runFault.ts';
import type { ServiceVictim } from './harness/victim.ts';

const EXIT_PATH = '/poison/exit';
const MEMORY_PATH = '/poison/memory';

/** Loads the bugs into the worker, and leaves it little memory to fill. */
const WORKER_ENV = {
  NODE_OPTIONS: `--max-old-space-size=80 --import ${join(import.meta.dirname, 'harness/poisonedInserts.mjs')}`,
  POISON_EXIT_PATH: EXIT_PATH,
  POISON_MEMORY_PATH: MEMORY_PATH,
};

/**
 * A job that was left four times fails for good. Each poison is in a batch first, and then in a job of its
 * own.
 */
const MAX_DEATHS = 2 * (4 + 4);

/** A dead worker's locks hold for ten seconds, and it takes two looks until its jobs are taken up again. */
const POISON_TIMEOUT_MS = MAX_DEATHS * 17_000;

/** Starts a worker again whenever it has ended, as a supervisor does. Resolves with how often that was. */
async function superviseUntil(worker: ServiceVictim, isDone: () => Promise<boolean>): Promise<number> {
  let deaths = 0;
  const lookAfter = async () => {
    if (!worker.isRunning) {
      deaths += 1;
      await worker.restart();
    }
    return isDone();
  };
  await waitUntil(lookAfter, Boolean, POISON_TIMEOUT_MS);
  return deaths;
}

test('an event that kills each worker becomes a dead letter alone, and the other jobs are processed', (context) =>
  runFault(context, {
    name: 'two events that kill the worker (exit, memory)',
    system: { workerEnv: WORKER_ENV },
    deadLetters: 2,
    run: async ({ system, load, ledger }) => {
      const { database, queue } = system;
      const letters = database.collection('dead_letters');
      const [worker] = system.workers as [ServiceVictim];
      for (const path of [EXIT_PATH, MEMORY_PATH]) {
        const events = Array.from({ length: 20 }, load.nextEvent);
        const entries = ledger.open(events.map((event, index) => (index === 7 ? { ...event, path } : event)));
        await queue.add(INGEST_BATCH_JOB, { events: entries.map(toEventJob) });
        ledger.acknowledge(entries);
      }

      const deaths = await superviseUntil(worker, async () => (await letters.countDocuments()) === 2);

      const raws = await letters.distinct('raw');
      expect(raws.map((raw) => JSON.parse(raw).path).sort()).toEqual([EXIT_PATH, MEMORY_PATH]);
      expect(deaths).toBeLessThanOrEqual(MAX_DEATHS);
    },
  }));
