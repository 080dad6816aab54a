import { once } from 'node:events';
import type { Redis } from 'ioredis';

/** Why each connection was last lost or refused. Whoever watches the dependency logs it. */
const lastErrors = new WeakMap<Redis, Error>();

/** Keeps why a connection failed, for the next probe. */
export function noteConnectionError(redis: Redis, error: Error): void {
  lastErrors.set(redis, error);
}

/**
 * Asks Redis for what the queue needs of it: a server that takes writes. Deletes two keys that do not exist, which Redis refuses
 * as it refuses any write (a replica, a disk that is full, too few replicas, a cluster that has the keys elsewhere), and which
 * otherwise changes nothing: neither the append-only file nor a replica hears of it. A Redis whose memory is full passes, because
 * deleting is still possible; new events are refused before it is full.
 *
 * @param keyPrefix What the keys begin with, so that a user who may only touch the queue's keys can ask. Two keys, because a
 * cluster takes BullMQ's scripts only where all keys of a queue are in one slot.
 * @throws Error that says why Redis can't be used and what to do, as soon as that is known; the cause is what Redis said.
 */
export async function probeRedis(redis: Redis, keyPrefix: string): Promise<void> {
  try {
    if (redis.status !== 'ready') {
      const known = lastErrors.get(redis);
      if (known) {
        throw known;
      }
      await once(redis, 'ready');
    }
    await giveUpOnError(redis, redis.del(`${keyPrefix}:probe:1`, `${keyPrefix}:probe:2`));
    lastErrors.delete(redis);
  } catch (error) {
    if (isReply(error)) {
      noteConnectionError(redis, error);
    }
    // What ioredis says of a command without a connection is less than what is known of the connection.
    throw explainRedisError(isReply(error) ? error : (lastErrors.get(redis) ?? (error as Error)));
  }
}

/** Waits no longer for a reply once the connection fails, for the worker's would be asked again on the next one. */
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

const ONE_PRIMARY = 'Set REDIS_HOST and REDIS_PORT, or REDIS_URL, to a primary that is no part of a cluster';

/** What Redis, TLS or ioredis say, and what it means to the person who set the service up. */
const EXPLANATIONS: readonly (readonly [pattern: RegExp, explanation: string])[] = [
  [
    /^(-?READONLY|MASTERDOWN) /,
    'it is a read-only replica. Set REDIS_HOST and REDIS_PORT, or REDIS_URL, to the primary; after a failover this passes by itself.',
  ],
  [
    /^(MOVED|ASK|CLUSTERDOWN|CROSSSLOT|TRYAGAIN) /,
    `it is a node of a Redis Cluster, which is not supported. ${ONE_PRIMARY}.`,
  ],
  [
    /unknown command/,
    `it does not know the command DEL, so it is a Redis Sentinel or no Redis; neither is supported. ${ONE_PRIMARY}.`,
  ],
  [
    /^NOPERM /,
    "its user may not run DEL on the queue's keys. Allow all commands that BullMQ uses: ACL SETUSER <user> ~<QUEUE_PREFIX>:* +@all -@admin -@dangerous +info +config|get.",
  ],
  [
    /^NOAUTH /,
    'it asks for a password. Set REDIS_PASSWORD, or REDIS_URL=redis://<user>:<password>@<host>:<port> for a user of its ACL.',
  ],
  [
    /^WRONGPASS /,
    'it does not accept the user name or the password. Check REDIS_PASSWORD, or the user and the password in REDIS_URL.',
  ],
  [/DB index is out of range/, 'it has no database of the number at the end of REDIS_URL.'],
  [
    /SELECT is not allowed in cluster mode/,
    `it is a node of a Redis Cluster, which is not supported. ${ONE_PRIMARY}.`,
  ],
  [
    /self-signed certificate|unable to (verify the first|get (local )?issuer) certificate/,
    'its certificate comes from an authority that is not known here. Name the file with its certificate in NODE_EXTRA_CA_CERTS.',
  ],
  [/wrong version number|packet length too long/, 'it does not speak TLS. Write redis:// in REDIS_URL.'],
  [
    /^Protocol error, got "\\u0015"/,
    'it speaks TLS. Set REDIS_URL=rediss://<user>:<password>@<host>:<port>.',
  ],
  [/max retries per request|Stream isn't writeable|^Connection is closed/, 'the connection was lost.'],
];

/** Says what an error of a Redis connection means and what to do about it, where that is known; else returns it as it is. */
export function explainRedisError(error: Error): Error {
  const [, explanation] = EXPLANATIONS.find(([pattern]) => pattern.test(error.message)) ?? [];
  return explanation === undefined ? error : new Error(explanation, { cause: error });
}
