import { once } from 'node:events';
import type { Redis } from 'ioredis';
import { explainRedisError, REFUSED, watchRedisErrors } from './redisErrors.ts';

/**
 * Rejects if Redis cannot be used, as soon as that is known. The message says why and what to do; the cause
 * is what Redis said.
 */
export type RedisProbe = () => Promise<void>;

/**
 * Creates the probe of a connection. Create it before the connection can fail: it reports the last error that
 * it saw. A probe asks Redis for what the queue needs: a server that accepts writes. It deletes two keys that
 * do not exist. Redis refuses that as it refuses any write (a replica, a full disk, too few replicas, a
 * cluster that has the keys elsewhere); otherwise it changes nothing, not even in the append-only file or on
 * a replica. A Redis whose memory is full passes, because deleting is still possible; new events are refused
 * before it is full.
 *
 * @param keyPrefix The beginning of the keys, so that a user who may only touch the queue's keys can ask. Two
 *   keys, because a cluster accepts BullMQ's scripts only where all keys of a queue are in one slot.
 */
export function createRedisProbe(redis: Redis, keyPrefix: string): RedisProbe {
  /** Why the connection was last lost or refused, since it last worked. */
  let lastError: Error | undefined;
  let pending: Promise<void> | undefined;
  watchRedisErrors(redis, (error) => {
    lastError = error;
  });

  async function ask(): Promise<void> {
    try {
      // A connection that ioredis is closing is still `ready`, and would keep the command for the next one.
      if (redis.status !== 'ready' || !redis.stream.writable) {
        if (lastError) {
          throw lastError;
        }
        await rejectAt('close', redis, (signal) => once(redis, 'ready', { signal }));
      }
      // A worker's connection would send the command again on the next one, after other commands whose
      // refusal ends that one too.
      await rejectAt(REFUSED, redis, () => redis.del(`${keyPrefix}:probe:1`, `${keyPrefix}:probe:2`));
      lastError = undefined;
    } catch (error) {
      if (isReply(error)) {
        lastError = error;
      }
      // An error of ioredis about a command without a connection says less than that of the connection.
      throw explainRedisError(isReply(error) ? error : (lastError ?? (error as Error)));
    }
  }

  return () => {
    // One at a time: while Redis hangs, commands and listeners would pile up on the connection.
    pending ??= ask().finally(() => {
      pending = undefined;
    });
    return pending;
  };
}

/** Waits for some work. Rejects at an event or error of the connection before; the signal ends the work. */
async function rejectAt(
  event: 'close' | typeof REFUSED,
  redis: Redis,
  work: (signal: AbortSignal) => Promise<unknown>,
): Promise<void> {
  const waiting = new AbortController();
  const { signal } = waiting;
  const failed = once(redis, event, { signal }).then(([error]) => {
    throw error ?? new Error('Connection is closed.');
  });
  try {
    await Promise.race([failed, work(signal)]);
  } finally {
    waiting.abort();
  }
}

function isReply(error: unknown): error is Error {
  return error instanceof Error && error.name === 'ReplyError';
}
