import { createTestService } from '@analytics/local-stack/testing/testService';
import type { TestStack } from '@analytics/local-stack/testing/useTestStack';
import { watchAnswers } from '@analytics/local-stack/testing/watchAnswers';
import { openRedis } from '@analytics/shared/redis/openRedis';
import { createRequestRedis } from '@analytics/shared/redis/redis';
import { Queue } from 'bullmq';
import request from 'supertest';
import { parseConfig } from '../src/config/config.ts';
import { createIngestion, type IngestionLimits } from '../src/ingestion.ts';

export const NOW = Date.parse('2025-11-12T19:30:01Z');

/**
 * Builds the service of `server.ts` on the file's own queue, with a clock that stands still. Its OpenAPI
 * document must allow all of its answers.
 */
export async function startApp(
  stack: TestStack,
  limits: IngestionLimits = {},
  settings: Record<string, string> = {},
) {
  const { register, QUEUE_NAME, QUEUE_PREFIX, REDIS_HOST, REDIS_PORT } = stack;
  const config = parseConfig({
    QUEUE_NAME,
    QUEUE_PREFIX,
    REDIS_HOST,
    REDIS_PORT: String(REDIS_PORT),
    ...settings,
  });
  const service = createTestService(stack, config);
  const redis = openRedis(service, createRequestRedis);
  const { app, producer } = createIngestion({ ...service, ...redis }, { now: () => NOW, ...limits });
  const queue = new Queue(QUEUE_NAME, {
    connection: { host: REDIS_HOST, port: REDIS_PORT },
    prefix: QUEUE_PREFIX,
    skipVersionCheck: true,
  });
  register(() => queue.close());
  await queue.waitUntilReady();
  watchAnswers(stack, app, (await request(app).get('/openapi.json')).body);
  return { app, queue, redis: redis.redis, checks: service.checks, enqueueEvents: producer.enqueueEvents };
}
