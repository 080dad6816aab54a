import { waitUntil } from '@analytics/local-stack/testing/waitUntil';
import { expect, test } from 'vitest';
import { runFault } from './harness/runFault.ts';
import type { System } from './harness/system.ts';
import type { ServiceVictim } from './harness/victim.ts';

const KILLS = 3;

/** The lock of a dead worker, two looks for forgotten jobs, and the start of the next worker. */
const TAKEN_UP_AGAIN_MS = 40_000;

const hasSome = (items: unknown[]) => items.length > 0;
const listActive = ({ queue }: System) => queue.getActive();

/** Jobs that a worker has taken up since. */
async function listTakenSince(system: System, timeMs: number): Promise<string[]> {
  const active = await listActive(system);
  return active.flatMap(({ id, processedOn = 0 }) => (processedOn > timeMs && id ? id : []));
}

/** How often a worker has taken each of the jobs up, if one has it now. */
async function listStarts(system: System, jobIds: string[]): Promise<number[]> {
  const active = await listActive(system);
  return jobIds.map((jobId) => active.find(({ id }) => id === jobId)?.attemptsStarted ?? 0);
}

const untilTakingJobs = ({ service }: ServiceVictim) =>
  waitUntil(() => service.log.some(({ msg }) => msg === 'taking jobs off the queue'));

test('a job whose worker is killed three times is stored by the fourth', (context) =>
  runFault(context, {
    name: `worker killed ${KILLS} times on the same job`,
    run: async ({ system, load }) => {
      const [worker] = system.workers as [ServiceVictim];
      // A job stays with its worker for as long as MongoDB hangs.
      system.mongo.freeze();
      const frozenAt = Date.now();
      const jobIds = await waitUntil(() => listTakenSince(system, frozenAt), hasSome);
      // Further jobs would take the places that the next worker has for these.
      await load.pause();
      for (let kill = 1; kill <= KILLS; kill += 1) {
        await worker.kill();
        const orphans = await listActive(system);
        // A new worker takes jobs once it has seen MongoDB. The dead one's locks keep the orphans from it for longer than that.
        system.mongo.resume();
        await worker.restart();
        await untilTakingJobs(worker);
        const countJobs = () => system.queue.getJobCountByTypes('wait', 'active');
        await waitUntil(countJobs, (count) => count <= orphans.length);
        system.mongo.freeze();
        await waitUntil(
          () => listStarts(system, jobIds),
          (starts) => starts.every((count) => count === kill + 1),
          TAKEN_UP_AGAIN_MS,
        );
      }
      load.resume();
      system.mongo.resume();
    },
  }));

test('two workers are replaced one after the other, and no job is left behind by the one that goes', (context) =>
  runFault(context, {
    name: 'two workers, rolling restart',
    system: { workers: 2 },
    run: async ({ system, load }) => {
      for (const worker of system.workers) {
        await worker.terminate();
        await worker.restart();
        await untilTakingJobs(worker);
        await load.untilAcknowledged(100);
      }
      const lines = system.workers.flatMap(({ service }) => service.log);
      expect(lines.filter(({ msg }) => String(msg).includes('was left by a worker'))).toEqual([]);
    },
  }));
