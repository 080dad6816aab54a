import { isIP } from 'node:net';
import { Redis, type RedisOptions } from 'ioredis';
import { withTimeout } from '../async/withTimeout.ts';
import { findRedisAddress, type RedisSettings } from './redisSettings.ts';

const CONNECT_TIMEOUT_MS = 2000;
const MAX_RECONNECT_DELAY_MS = 1000;

/** How long Redis may take to answer the goodbye. */
const CLOSE_TIMEOUT_MS = 1000;

/**
 * The pause before the next connection to a Redis that answered, but could not carry out what it was asked.
 */
const REFUSED_RECONNECT_DELAY_MS = 500;

/**
 * A command that Redis has not answered by then counts as failed, though it may still be carried out. Two in
 * a row, the write that a request waits behind and its own, fit into the two seconds within which a request
 * is answered.
 */
const COMMAND_TIMEOUT_MS = 900;

/**
 * A server that takes no writes, as it says in reply to a command or to a script of an older version. Its
 * address may lead to the new primary by now.
 */
const READ_ONLY_REPLY = /^(-?READONLY|MASTERDOWN) |: -READONLY /;

/** The reply of a server that still reads its data after a start. */
const LOADING_REPLY = /^LOADING /;

/**
 * Opens the connection of a service that answers requests: what Redis can't do now fails at once or within
 * 0.9 s, so that the client hears of it. Reconnects by itself within a second of Redis's return, and every
 * half second while the server at the other end takes no writes.
 */
export function createRequestRedis(settings: RedisSettings): Redis {
  return createRedis(settings, {
    enableOfflineQueue: false,
    commandTimeout: COMMAND_TIMEOUT_MS,
    maxRetriesPerRequest: 0,
    reconnectOnError: ({ message }) => READ_ONLY_REPLY.test(message),
  });
}

/**
 * Opens the connection of a worker, which waits: a command stays queued until Redis is back, has read its
 * data, and takes writes. BullMQ demands that there be no limit, and its blocking reads would run into any
 * timeout.
 *
 * A command that Redis refused for one of these reasons was not carried out, so sending it again repeats
 * nothing. Only the probe's DEL fails, so that the reason is known.
 */
export function createWorkerRedis(settings: RedisSettings): Redis {
  return createRedis(settings, {
    maxRetriesPerRequest: null,
    reconnectOnError: (error: Error & { command?: { name: string } }) => {
      const isRefused = READ_ONLY_REPLY.test(error.message) || LOADING_REPLY.test(error.message);
      return isRefused && (error.command?.name === 'del' ? RECONNECT : RECONNECT_AND_RESEND);
    },
  });
}

/** What ioredis does about an error reply, by what `reconnectOnError` returns. */
const RECONNECT = 1;
const RECONNECT_AND_RESEND = 2;

/**
 * Makes a new connection in the place of one that looks alive and gives no answer: its other end may be gone
 * without a word, also before it has greeted. What was not answered is sent again on the new one.
 */
export function renewRedisConnection(redis: Redis): void {
  if (redis.status === 'ready' || redis.status === 'connect') {
    // Not `disconnect`, which waits for the other end to agree, and would look like a server that turns us
    // away.
    redis.stream.destroy(new Error('no answer on this connection'));
  }
}

/** How a person finds the server; no password in it. */
export function describeRedis(settings: RedisSettings): string {
  const { host, port } = findRedisAddress(settings);
  return `Redis at ${host}:${port}`;
}

/** Ends a connection: politely where Redis answers within a second, else at once. */
export async function closeRedis(redis: Redis): Promise<void> {
  if (redis.status === 'ready') {
    // How Redis takes its leave changes nothing: the connection ends either way.
    await withTimeout(redis.quit(), CLOSE_TIMEOUT_MS).catch(() => undefined);
  }
  redis.disconnect();
}

// ioredis types its constructor by `replyMapping`, which stays at its default here.
type ConnectionOptions = Omit<RedisOptions, 'replyMapping'>;

function createRedis(settings: RedisSettings, options: ConnectionOptions): Redis {
  const { host, port, username, password, db, isTls } = findRedisAddress(settings);
  const { reconnectOnError } = options;
  let refusedAtMs = Number.NEGATIVE_INFINITY;
  const redis = new Redis({
    host,
    port,
    db,
    ...(username !== undefined && { username }),
    ...(password !== undefined && { password }),
    // A name lets a server with several certificates choose; an address may not stand there.
    ...(isTls && { tls: isIP(host) ? {} : { servername: host } }),
    connectTimeout: CONNECT_TIMEOUT_MS,
    // It asks by INFO, which a user may not be allowed to run, and prints so past the log. LOADING replies
    // say as much.
    enableReadyCheck: false,
    ...options,
    // These two also serve the connection that BullMQ makes for its blocking reads by copying this one's
    // options.
    reconnectOnError: (error) => {
      const action = reconnectOnError?.(error) ?? false;
      if (action) {
        refusedAtMs = performance.now();
      }
      return action;
    },
    retryStrategy: (attempt) =>
      performance.now() - refusedAtMs < REFUSED_RECONNECT_DELAY_MS
        ? REFUSED_RECONNECT_DELAY_MS
        : Math.min(50 * 2 ** attempt, MAX_RECONNECT_DELAY_MS),
  });
  redis.on('error', (error: Error & { command?: { name: string } }) => {
    // ioredis would go on in database 0, where another installation may have its queue.
    if (error.command?.name === 'select') {
      refusedAtMs = performance.now();
      redis.disconnect(true);
    }
  });
  return redis;
}
