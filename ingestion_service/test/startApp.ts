import type { TestStack } from '@analytics/local-stack/testing/useTestStack';
import { closeRedis, createRequestRedis } from '@analytics/shared/redis/redis';
import { probeRedis } from '@analytics/shared/redis/redisProbe';
import { createDependencyWatch } from '@analytics/shared/service/dependencyWatch';
import { createLogger } from '@analytics/shared/service/logger';
import { Queue } from 'bullmq';
import { parseConfig } from '../src/config/config.ts';
import { createIngestion, type IngestionLimits } from '../src/ingestion.ts';

export const NOW = Date.parse('2025-11-12T19:30:01Z');

/** Builds the service of `server.ts` on the file's own queue, with a clock that stands still. */
export async function startApp(stack: TestStack, limits: IngestionLimits = {}) {
  const { register, QUEUE_NAME, QUEUE_PREFIX, REDIS_HOST, REDIS_PORT } = stack;
  const config = parseConfig({ QUEUE_NAME, QUEUE_PREFIX, REDIS_HOST, REDIS_PORT: String(REDIS_PORT) });
  const logger = createLogger({ name: 'ingestion_service', level: 'silent', isPretty: false });
  const redis = createRequestRedis(config);
  register(() => closeRedis(redis));
  const redisWatch = createDependencyWatch({
    dependency: 'Redis',
    probe: () => probeRedis(redis, `${QUEUE_PREFIX}:probe`),
    logger,
  });
  register(() => redisWatch.stop());
  const { app, producer } = createIngestion(
    {
      config,
      logger,
      register: (_name, close) => register(close),
      redis,
      redisWatch,
      checks: { redis: () => redisWatch.health },
    },
    { now: () => NOW, ...limits },
  );
  const queue = new Queue(QUEUE_NAME, {
    connection: { host: REDIS_HOST, port: REDIS_PORT },
    prefix: QUEUE_PREFIX,
    skipVersionCheck: true,
  });
  register(() => queue.close());
  await queue.waitUntilReady();
  return { app, queue, enqueueEvents: producer.enqueueEvents };
}
