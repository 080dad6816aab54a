import { Redis, type RedisOptions } from 'ioredis';
import type { Logger } from './logger.ts';
import { createOutageLog } from './outageLog.ts';

export interface RedisSettings {
  REDIS_HOST: string;
  REDIS_PORT: number;
  REDIS_PASSWORD?: string | undefined;
}

const CONNECT_TIMEOUT_MS = 2000;
const MAX_RECONNECT_DELAY_MS = 1000;

/** A command that Redis has not answered by then counts as failed, though it may still be carried out. */
const COMMAND_TIMEOUT_MS = 1500;

/**
 * Opens the connection of a service that answers requests: what Redis can't do now fails at once or within 1.5 s, so that
 * the client hears of it. Reconnects by itself within a second of Redis's return.
 */
export function createRequestRedis(settings: RedisSettings, logger: Logger): Redis {
  return createRedis(settings, logger, {
    enableOfflineQueue: false,
    commandTimeout: COMMAND_TIMEOUT_MS,
    maxRetriesPerRequest: 0,
  });
}

/**
 * Opens the connection of a worker, which waits: a command stays queued until Redis is back. BullMQ demands that there be
 * no limit, and its blocking reads would run into any timeout.
 */
export function createWorkerRedis(settings: RedisSettings, logger: Logger): Redis {
  return createRedis(settings, logger, { maxRetriesPerRequest: null });
}

/** Ends a connection: politely where Redis answers, at once where it doesn't. */
export async function closeRedis(redis: Redis): Promise<void> {
  if (redis.status === 'ready') {
    await redis.quit();
  } else {
    redis.disconnect();
  }
}

// ioredis types its constructor by `replyMapping`, which stays at its default here.
type ConnectionOptions = Omit<RedisOptions, 'replyMapping'>;

function createRedis(settings: RedisSettings, logger: Logger, options: ConnectionOptions): Redis {
  const { REDIS_HOST: host, REDIS_PORT: port, REDIS_PASSWORD: password } = settings;
  const redisOptions: ConnectionOptions = {
    host,
    port,
    connectTimeout: CONNECT_TIMEOUT_MS,
    retryStrategy: (attempt: number) => Math.min(50 * 2 ** attempt, MAX_RECONNECT_DELAY_MS),
    ...options,
  };
  const redis = new Redis(password === undefined ? redisOptions : { ...redisOptions, password });
  const outageLog = createOutageLog(`Redis at ${host}:${port}`, logger);
  redis.on('error', outageLog.failed);
  redis.on('ready', outageLog.recovered);
  return redis;
}
