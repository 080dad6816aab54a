import type { TestStack } from '@analytics/local-stack/testing/useTestStack';
import { createLogger } from '@analytics/shared/logger';
import { closeRedis, createRequestRedis } from '@analytics/shared/redis';
import { Queue } from 'bullmq';
import { createApp } from '../src/app.ts';
import { createEventProducer } from '../src/queue/eventProducer.ts';
import { createValidateEvent } from '../src/utils/validateEvent.ts';

export const NOW = Date.parse('2025-11-12T19:30:01Z');

/** Builds the service on the file's own queue, as `server.ts` does, with a clock that stands still. */
export async function startApp(stack: TestStack) {
  const logger = createLogger({ name: 'ingestion_service', level: 'silent', isPretty: false });
  const redis = createRequestRedis(stack, logger);
  stack.register(() => closeRedis(redis));
  const producer = createEventProducer({
    redis,
    queueName: stack.QUEUE_NAME,
    queuePrefix: stack.QUEUE_PREFIX,
    logger,
  });
  stack.register(() => producer.close());
  const queue = new Queue(stack.QUEUE_NAME, {
    connection: { host: stack.REDIS_HOST, port: stack.REDIS_PORT },
    prefix: stack.QUEUE_PREFIX,
  });
  stack.register(() => queue.close());
  await queue.waitUntilReady();
  const app = createApp({
    validateEvent: createValidateEvent({ maxFutureMs: 24 * 3_600_000, now: () => NOW }),
    enqueueEvent: producer.enqueueEvent,
    checks: { redis: () => redis.ping() },
    logger,
  });
  return { app, queue };
}
