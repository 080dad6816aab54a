import type { Redis } from 'ioredis';

/** Where the oldest job of a list or set is: BullMQ adds jobs to the head of a list. */
const OLDEST_OF_LIST = -1;

/**
 * Resolves with the time since the oldest unfinished job was queued (ms), or 0 if there is none. It looks at
 * the oldest job of each state, so it costs the same for any length of the queue.
 *
 * @param toKey Returns a key of the queue: of a state, or of a job by its id.
 * @param now Milliseconds since 1970, by the clock of the producer.
 * @throws Error if Redis does not answer.
 */
export async function readOldestJobAge(
  redis: Pick<Redis, 'lindex' | 'zrange' | 'hget'>,
  toKey: (name: string) => string,
  now: () => number = Date.now,
): Promise<number> {
  const ids = await Promise.all([
    ...['wait', 'paused', 'active'].map((state) => redis.lindex(toKey(state), OLDEST_OF_LIST)),
    ...['prioritized', 'delayed'].map((state) => redis.zrange(toKey(state), '0', '0')),
  ]);
  const found = ids.flat().filter((id) => id !== null);
  const timestamps = await Promise.all(found.map((id) => redis.hget(toKey(id), 'timestamp')));
  // A job that was finished meanwhile has none.
  const queuedMs = timestamps.flatMap((timestamp) => (timestamp === null ? [] : [Number(timestamp)]));
  return queuedMs.length > 0 ? Math.max(now() - Math.min(...queuedMs), 0) : 0;
}
