import { once } from 'node:events';
import { Redis, type RedisOptions } from 'ioredis';

export interface RedisSettings {
  REDIS_HOST: string;
  REDIS_PORT: number;
  REDIS_PASSWORD?: string | undefined;
}

const CONNECT_TIMEOUT_MS = 2000;
const MAX_RECONNECT_DELAY_MS = 1000;

/**
 * How often a Redis that is reading its data after a start is asked whether it is ready. Left alone, ioredis believes the time
 * that Redis says it still needs, which early in a load is far off.
 */
const LOADING_CHECK_INTERVAL_MS = 250;

/**
 * A command that Redis has not answered by then counts as failed, though it may still be carried out. Two in a row, the write
 * that a request waits behind and its own, fit into the two seconds within which a request is answered.
 */
const COMMAND_TIMEOUT_MS = 900;

/**
 * Opens the connection of a service that answers requests: what Redis can't do now fails at once or within 0.9 s, so that
 * the client hears of it. Reconnects by itself within a second of Redis's return.
 */
export function createRequestRedis(settings: RedisSettings): Redis {
  return createRedis(settings, {
    enableOfflineQueue: false,
    commandTimeout: COMMAND_TIMEOUT_MS,
    maxRetriesPerRequest: 0,
  });
}

/**
 * Opens the connection of a worker, which waits: a command stays queued until Redis is back. BullMQ demands that there be
 * no limit, and its blocking reads would run into any timeout.
 */
export function createWorkerRedis(settings: RedisSettings): Redis {
  return createRedis(settings, { maxRetriesPerRequest: null });
}

/** Asks Redis for a sign of life. Without a connection it rejects with why there is none, as soon as that is known. */
export async function pingRedis(redis: Redis): Promise<void> {
  if (redis.status !== 'ready') {
    const error = connectionErrors.get(redis);
    if (error) {
      throw error;
    }
    await once(redis, 'ready');
  }
  await redis.ping();
}

/**
 * Makes a new connection in the place of one that looks alive and gives no answer: its other end may be gone without a word.
 * What was not answered is sent again on the new one.
 */
export function renewRedisConnection(redis: Redis): void {
  if (redis.status === 'ready') {
    redis.disconnect(true);
  }
}

/** How a person finds the server; no password in it. */
export function describeRedis({ REDIS_HOST, REDIS_PORT }: RedisSettings): string {
  return `Redis at ${REDIS_HOST}:${REDIS_PORT}`;
}

/** Ends a connection: politely where Redis answers, at once where it doesn't. */
export async function closeRedis(redis: Redis): Promise<void> {
  if (redis.status === 'ready') {
    await redis.quit().catch(() => redis.disconnect());
  } else {
    redis.disconnect();
  }
}

/** Why each connection was last lost. Whoever watches the dependency logs it. */
const connectionErrors = new WeakMap<Redis, Error>();

// ioredis types its constructor by `replyMapping`, which stays at its default here.
type ConnectionOptions = Omit<RedisOptions, 'replyMapping'>;

function createRedis(settings: RedisSettings, options: ConnectionOptions): Redis {
  const { REDIS_HOST: host, REDIS_PORT: port, REDIS_PASSWORD: password } = settings;
  const redisOptions: ConnectionOptions = {
    host,
    port,
    connectTimeout: CONNECT_TIMEOUT_MS,
    maxLoadingRetryTime: LOADING_CHECK_INTERVAL_MS,
    retryStrategy: (attempt: number) => Math.min(50 * 2 ** attempt, MAX_RECONNECT_DELAY_MS),
    ...options,
  };
  const redis = new Redis(password === undefined ? redisOptions : { ...redisOptions, password });
  redis.on('error', (error: Error) => connectionErrors.set(redis, error));
  return redis;
}
