import type { Redis } from 'ioredis';
import type { z } from 'zod';
import type { queueSettings } from '../service/config.ts';
import { createDependencyWatch, type DependencyWatch } from '../service/dependencyWatch.ts';
import { exitWithFatalError } from '../service/fatal.ts';
import type { Service } from '../service/startService.ts';
import { closeRedis, describeRedis, renewRedisConnection } from './redis.ts';
import { type durabilitySettings, watchRedisDurability } from './redisDurability.ts';
import { createRedisProbe } from './redisProbe.ts';
import type { RedisSettings } from './redisSettings.ts';

type RedisConfig = RedisSettings & z.output<z.ZodObject<typeof durabilitySettings & typeof queueSettings>>;

/**
 * Opens the Redis of a service's queue with its watch, the check of its durability and its line in `/readyz`.
 * Registers their closing. Does not wait until Redis answers.
 *
 * @param create Creates the connection: `createRequestRedis` or `createWorkerRedis`.
 */
export function openRedis(
  {
    config,
    logger,
    register,
    checks,
  }: Pick<Service<RedisConfig>, 'config' | 'logger' | 'register' | 'checks'>,
  create: (settings: RedisSettings) => Redis,
): { redis: Redis; redisWatch: DependencyWatch } {
  const redis = create(config);
  register('Redis', () => closeRedis(redis));
  const probe = createRedisProbe(redis, `${config.QUEUE_PREFIX}:${config.QUEUE_NAME}`);
  const durability = watchRedisDurability({
    redis,
    isStrict: config.REDIS_DURABILITY === 'strict',
    onRefused: exitWithFatalError,
    logger,
  });
  register('the check of the durability of Redis', () => durability.stop());
  const redisWatch = createDependencyWatch({
    dependency: describeRedis(config),
    probe: async () => {
      await probe();
      await durability.requireDurable();
    },
    onStillDown: () => renewRedisConnection(redis),
    logger,
  });
  register('the watch over Redis', () => redisWatch.stop());
  checks['redis'] = () => ({ ...redisWatch.health, ...durability.health });
  return { redis, redisWatch };
}
