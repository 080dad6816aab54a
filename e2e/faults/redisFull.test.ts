import { setTimeout as delay } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { cpuSeconds } from './harness/cpuSeconds.ts';
import { runFault } from './harness/runFault.ts';
import type { System } from './harness/system.ts';

/**
 * A worker itself takes 1.1 MB of Redis: connections, scripts, its schedule. The mark lies at four fifths of
 * the limit.
 */
const ROOM_BYTES = 3_500_000;
const REDIS_HIT = { mayRefuse: true, mayCut: false };

/** Long enough for thousands of failing calls, if nothing held them back. */
const FULL_MS = 6000;

async function readUsedBytes({ redisClient }: System): Promise<number> {
  return Number(/^used_memory:(\d+)/m.exec(await redisClient.info('memory'))?.[1]);
}

async function limitMemory(system: System, bytes: number): Promise<void> {
  await system.redisClient.config('SET', 'maxmemory', bytes);
}

test('without a worker, new events are refused before Redis is full, and a new worker can still drain the queue', (context) =>
  runFault(context, {
    name: 'Redis at its mark, cold worker',
    system: { workers: 0 },
    rules: REDIS_HIT,
    run: async ({ system, load }) => {
      const limitBytes = (await readUsedBytes(system)) + ROOM_BYTES;
      await limitMemory(system, limitBytes);
      await load.untilAnswered(503, 100);
      expect(await readUsedBytes(system)).toBeLessThan(limitBytes);
      await system.addWorker();
    },
  }));

test('a worker that starts while Redis is full waits, and drains the queue after space is freed', (context) =>
  runFault(context, {
    name: 'Redis full, cold worker',
    system: { workers: 0 },
    rules: REDIS_HIT,
    run: async ({ system, load }) => {
      const usedBytes = await readUsedBytes(system);
      await limitMemory(system, usedBytes / 2);
      await load.untilAnswered(503, 20);
      const worker = await system.addWorker();
      const cpuBefore = await cpuSeconds(worker.pid);
      await delay(FULL_MS);

      expect((await cpuSeconds(worker.pid)) - cpuBefore).toBeLessThan(FULL_MS / 1000 / 3);
      expect(worker.service.log.length).toBeLessThan(20);
      expect(await system.queue.getJobCountByTypes('wait', 'active')).toBeGreaterThan(0);
      await limitMemory(system, usedBytes * 10);
    },
  }));
