import { once } from 'node:events';
import type { Redis } from 'ioredis';
import { explainRedisError, findRedisError, forgetRedisError, noteRedisError } from './redisErrors.ts';

/** The probe of each connection that has no answer yet. */
const pending = new WeakMap<Redis, Promise<void>>();

/**
 * Asks Redis for what the queue needs of it: a server that takes writes. Deletes two keys that do not exist,
 * which Redis refuses as it refuses any write (a replica, a disk that is full, too few replicas, a cluster
 * that has the keys elsewhere), and which otherwise changes nothing, not even in the append-only file or on a
 * replica. A Redis whose memory is full passes, because deleting is still possible; new events are refused
 * before it is full.
 *
 * @param keyPrefix What the keys begin with, so that a user who may only touch the queue's keys can ask. Two
 *   keys, because a cluster takes BullMQ's scripts only where all keys of a queue are in one slot.
 * @throws Error that says why Redis can't be used and what to do, as soon as that is known; the cause is what
 *   Redis said.
 */
export function probeRedis(redis: Redis, keyPrefix: string): Promise<void> {
  // One at a time: while Redis hangs, commands and listeners would pile up on the connection.
  const probe = pending.get(redis) ?? ask(redis, keyPrefix).finally(() => pending.delete(redis));
  pending.set(redis, probe);
  return probe;
}

async function ask(redis: Redis, keyPrefix: string): Promise<void> {
  try {
    if (redis.status !== 'ready') {
      const known = findRedisError(redis);
      if (known) {
        throw known;
      }
      await untilReady(redis);
    }
    await giveUpOnError(redis, redis.del(`${keyPrefix}:probe:1`, `${keyPrefix}:probe:2`));
    forgetRedisError(redis);
  } catch (error) {
    if (isReply(error)) {
      noteRedisError(redis, error);
    }
    // What ioredis says of a command without a connection is less than what is known of the connection.
    throw explainRedisError(isReply(error) ? error : (findRedisError(redis) ?? (error as Error)));
  }
}

/** Waits for the connection under way. Rejects if it fails. */
async function untilReady(redis: Redis): Promise<void> {
  const waiting = new AbortController();
  const { signal } = waiting;
  const closed = once(redis, 'close', { signal }).then(() =>
    Promise.reject(new Error('Connection is closed.')),
  );
  try {
    await Promise.race([once(redis, 'ready', { signal }), closed]);
  } finally {
    waiting.abort();
  }
}

/**
 * Waits no longer for a reply once the connection fails, for the worker's would be asked again on the next
 * one.
 */
async function giveUpOnError(redis: Redis, reply: Promise<unknown>): Promise<void> {
  let fail: (error: Error) => void = () => {};
  const failed = new Promise<never>((_resolve, reject) => {
    fail = reject;
  });
  redis.once('error', fail);
  try {
    await Promise.race([reply, failed]);
  } finally {
    redis.off('error', fail);
  }
}

function isReply(error: unknown): error is Error {
  return error instanceof Error && error.name === 'ReplyError';
}
