import type { TestStack } from '@analytics/local-stack/testing/useTestStack';
import { closeRedis, createRequestRedis } from '@analytics/shared/redis/redis';
import { probeRedis } from '@analytics/shared/redis/redisProbe';
import { createDependencyWatch } from '@analytics/shared/service/dependencyWatch';
import { createLogger } from '@analytics/shared/service/logger';
import { Queue } from 'bullmq';
import { createApp } from '../src/app.ts';
import { type BackpressureOptions, createBackpressure } from '../src/queue/backpressure.ts';
import { createEventProducer } from '../src/queue/eventProducer.ts';
import type { BodyBudget } from '../src/utils/bodyBudget.ts';
import { createJsonBodyReader } from '../src/utils/readJsonBody.ts';
import { createEventValidator } from '../src/utils/validateEvent.ts';

export const NOW = Date.parse('2025-11-12T19:30:01Z');

/**
 * Builds the service on the file's own queue, as `server.ts` does, with a clock that stands still, and with
 * the limits of `server.ts` unless told otherwise.
 */
export async function startApp(
  stack: TestStack,
  limits: Partial<BackpressureOptions> = {},
  bodyBudget?: BodyBudget,
) {
  const logger = createLogger({ name: 'ingestion_service', level: 'silent', isPretty: false });
  const redis = createRequestRedis(stack);
  stack.register(() => closeRedis(redis));
  const redisWatch = createDependencyWatch({
    dependency: 'Redis',
    probe: () => probeRedis(redis, `${stack.QUEUE_PREFIX}:probe`),
    logger,
  });
  stack.register(() => redisWatch.stop());
  const queueNames = { queueName: stack.QUEUE_NAME, queuePrefix: stack.QUEUE_PREFIX };
  const backpressure = createBackpressure({
    redis,
    redisWatch,
    ...queueNames,
    maxWaitingEvents: 1_000_000,
    maxMemoryPercent: 80,
    logger,
    ...limits,
  });
  stack.register(() => backpressure.stop());
  const producer = createEventProducer({ redis, redisWatch, backpressure, ...queueNames, logger });
  stack.register(() => producer.close());
  const queue = new Queue(stack.QUEUE_NAME, {
    connection: { host: stack.REDIS_HOST, port: stack.REDIS_PORT },
    prefix: stack.QUEUE_PREFIX,
    skipVersionCheck: true,
  });
  stack.register(() => queue.close());
  await queue.waitUntilReady();
  const app = createApp({
    readJsonBody: createJsonBodyReader(bodyBudget),
    validator: createEventValidator({
      maxFutureMs: 24 * 3_600_000,
      minTimestampMs: Date.parse('2000-01-01'),
      now: () => NOW,
    }),
    enqueueEvents: producer.enqueueEvents,
    checks: { redis: () => redisWatch.health },
    logger,
  });
  return { app, queue, enqueueEvents: producer.enqueueEvents };
}
