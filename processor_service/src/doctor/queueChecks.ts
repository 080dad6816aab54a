import type { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import { type Check, failure, ok } from './findings.ts';

/** The alerts of deploy/alerts.yml use the same age. */
const OLD_JOB_MS = 5 * 60_000;

/** Checks of the queue of a Redis that can be used. */
export function listQueueChecks(redis: Redis, queue: Queue): Check[] {
  return [
    {
      subject: 'Queue',
      run: async () => {
        const counts = await queue.getJobCounts('wait', 'active', 'delayed', 'failed');
        const text = Object.entries(counts)
          .map(([state, count]) => `${count} ${state}`)
          .join(', ');
        const found = [ok(text)];
        return (await queue.isPaused())
          ? [...found, failure('it is paused: no event is stored', 'Resume it: BullMQ’s Queue.resume().')]
          : found;
      },
    },
    {
      subject: 'Oldest job',
      run: async () => {
        const ageMs = await readOldestAge(redis, queue);
        if (ageMs === undefined) {
          return [ok('none waits')];
        }
        const text = `waits for ${Math.round(ageMs / 1000)} s`;
        return ageMs > OLD_JOB_MS
          ? [failure(text, 'Is a processor running, with the same REDIS_HOST, QUEUE_NAME and QUEUE_PREFIX?')]
          : [ok(text)];
      },
    },
    {
      subject: 'Workers',
      adviceOnError: 'Grant the Redis user +client|list, or look at /readyz of the processor.',
      run: async () => {
        const workers = await queue.getWorkers();
        return workers.length === 0
          ? [failure('none is connected to the queue: no event is stored', 'Start processor_service.')]
          : [ok(`${workers.length} connected`)];
      },
    },
  ];
}

/** Undefined if no job waits. Reads only the time of a job, because its data may be large. */
async function readOldestAge(redis: Redis, queue: Queue): Promise<number | undefined> {
  const id = await redis.lindex(queue.toKey('wait'), -1);
  const timestamp = id === null ? null : await redis.hget(queue.toKey(id), 'timestamp');
  return timestamp === null ? undefined : Math.max(Date.now() - Number(timestamp), 0);
}
