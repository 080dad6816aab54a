import { isIP } from 'node:net';
import { Redis, type RedisOptions } from 'ioredis';
import { withTimeout } from '../async/withTimeout.ts';
import { READ_ONLY_REPLY, REFUSED } from './redisErrors.ts';
import { findRedisAddress, type RedisSettings } from './redisSettings.ts';

const CONNECT_TIMEOUT_MS = 2000;
const MAX_RECONNECT_DELAY_MS = 1000;

/** How long Redis may take to answer QUIT (ms). */
const CLOSE_TIMEOUT_MS = 1000;

/** The pause before a reconnect to a Redis that rejected a command (ms). */
const REFUSED_RECONNECT_DELAY_MS = 500;

/**
 * A command without a reply by then counts as failed (ms), although Redis may still execute it. Two in a row,
 * the previous write and the own write of a request, fit into the two seconds of a response.
 */
const COMMAND_TIMEOUT_MS = 900;

/** The reply of a server that is loading its data after a start. */
const LOADING_REPLY = /^LOADING /;

/**
 * Opens the connection of a service that answers requests: a command that Redis cannot execute fails at once
 * or within 0.9 s. Reconnects within a second after Redis returns, and every half second while the server
 * rejects writes.
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
 * Opens the connection of a worker, whose commands wait until Redis is back, has loaded its data, and accepts
 * writes. BullMQ requires that they have no limit, and any timeout would end its blocking reads.
 *
 * Redis did not execute a command that it rejected for one of these reasons, so it is safe to send it again.
 * Only the DEL of the probe fails, to report the reason.
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

/** The return values of `reconnectOnError` of ioredis. */
const RECONNECT = 1;
const RECONNECT_AND_RESEND = 2;

/**
 * Replaces a connection that looks alive and does not answer: its other end may be gone without a reset, even
 * before the handshake. Commands without a reply are sent again.
 */
export function renewRedisConnection(redis: Redis): void {
  if (redis.status === 'ready' || redis.status === 'connect') {
    // `disconnect` would wait for the other end, and look like a server that closes the connection.
    redis.stream.destroy(new Error('no answer on this connection'));
  }
}

/** Describes a server by its address, without a password. */
export function describeRedis(settings: RedisSettings): string {
  const { host, port } = findRedisAddress(settings);
  return `Redis at ${host}:${port}`;
}

/** Closes a connection: by QUIT if Redis answers within a second, else at once. */
export async function closeRedis(redis: Redis): Promise<void> {
  if (redis.status === 'ready') {
    // The connection ends whether Redis answers or not.
    await withTimeout(redis.quit(), CLOSE_TIMEOUT_MS).catch(() => undefined);
  }
  redis.disconnect();
}

// The constructor type of ioredis depends on `replyMapping`, which has its default here.
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
    // A name selects one of several certificates of a server; an IP address is not allowed.
    ...(isTls && { tls: isIP(host) ? {} : { servername: host } }),
    connectTimeout: CONNECT_TIMEOUT_MS,
    // It runs INFO, which a user may lack permission for, and prints that to the console. LOADING replies
    // suffice.
    enableReadyCheck: false,
    ...options,
    // BullMQ copies both to its own connection for blocking reads.
    reconnectOnError: (error) => {
      const action = reconnectOnError?.(error) ?? false;
      if (action) {
        refusedAtMs = performance.now();
        redis.emit(REFUSED, error);
      }
      return action;
    },
    retryStrategy: (attempt) =>
      performance.now() - refusedAtMs < REFUSED_RECONNECT_DELAY_MS
        ? REFUSED_RECONNECT_DELAY_MS
        : Math.min(50 * 2 ** attempt, MAX_RECONNECT_DELAY_MS),
  });
  redis.on('error', (error: Error & { command?: { name: string } }) => {
    // ioredis would continue in database 0, where another installation may have its queue.
    if (error.command?.name === 'select') {
      refusedAtMs = performance.now();
      redis.disconnect(true);
    }
  });
  return redis;
}
