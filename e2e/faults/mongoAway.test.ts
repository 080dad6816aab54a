import { setTimeout as delay } from 'node:timers/promises';
import { expect, inject, test } from 'vitest';
import { cpuSeconds } from './harness/cpuSeconds.ts';
import { runFault } from './harness/runFault.ts';
import type { ServiceVictim } from './harness/victim.ts';

/** Five attempts, with 1, 2, 4 and 8 s between them at most, are over after 15 s. */
const AWAY_MS = inject('faults').isShort ? 18_000 : 30_000;

test('if MongoDB is unavailable for longer than all retries take, no job uses up an attempt and no event is lost', (context) =>
  runFault(context, {
    name: 'MongoDB away for longer than all retries',
    run: async ({ system }) => {
      const [worker] = system.workers as [ServiceVictim];
      await system.mongo.kill();
      const linesBefore = worker.service.log.length;
      const cpuBefore = await cpuSeconds(worker.pid);
      await delay(AWAY_MS);

      const active = await system.queue.getActive();
      expect(active.length).toBeGreaterThan(0);
      expect(active.map(({ attemptsMade, stalledCounter }) => [attemptsMade, stalledCounter])).toEqual(
        active.map(() => [0, 0]),
      );
      expect(await system.queue.getJobCounts('delayed', 'failed')).toEqual({ delayed: 0, failed: 0 });
      expect(worker.service.log.length - linesBefore).toBeLessThan(20);
      expect((await cpuSeconds(worker.pid)) - cpuBefore).toBeLessThan(AWAY_MS / 1000 / 4);
      await system.mongo.restart();
    },
  }));
