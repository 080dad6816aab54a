import { waitUntil } from '@analytics/local-stack/testing/waitUntil';
import { expect, test } from 'vitest';
import { waitUntilDrained } from './harness/observation.ts';
import { runFault } from './harness/runFault.ts';
import type { System } from './harness/system.ts';
import type { ServiceVictim } from './harness/victim.ts';

const KILLS = 3;

/** The lock of a dead worker, two looks for forgotten jobs, and the start of the next worker. */
const TAKEN_UP_AGAIN_MS = 40_000;

/** How often a worker has taken the job up, if one has it now. */
async function readStarts({ queue }: System, jobId: string): Promise<number> {
  const active = await queue.getActive();
  return active.find(({ id }) => id === jobId)?.attemptsStarted ?? 0;
}

const untilTakingJobs = ({ service }: ServiceVictim) =>
  waitUntil(() => service.log.some(({ msg }) => msg === 'taking jobs off the queue'));

test('a job whose worker is killed three times is stored by the fourth', (context) =>
  runFault(context, {
    name: `worker killed ${KILLS} times on the same job`,
    run: async ({ system, load }) => {
      const [worker] = system.workers as [ServiceVictim];
      await load.pause();
      await waitUntilDrained(system);
      // A job stays with its worker for as long as MongoDB hangs.
      await system.mongo.freeze();
      await load.postOne();
      const [job] = await waitUntil(
        () => system.queue.getActive(),
        ({ length }) => length === 1,
      );
      for (let kill = 1; kill <= KILLS; kill += 1) {
        await worker.kill();
        // A new worker takes jobs once it has seen MongoDB. The dead one's lock keeps the job from it for
        // longer than that.
        system.mongo.resume();
        await worker.restart();
        await untilTakingJobs(worker);
        await system.mongo.freeze();
        await waitUntil(
          () => readStarts(system, job?.id as string),
          (starts) => starts === kill + 1,
          TAKEN_UP_AGAIN_MS,
        );
      }
      load.resume();
      system.mongo.resume();
    },
  }));

test('two workers are replaced one after the other, and each finishes its jobs first', (context) =>
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
      expect(lines.filter(({ msg }) => String(msg).includes('job stalled'))).toEqual([]);
    },
  }));
