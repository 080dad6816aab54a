import { createTestService } from '@analytics/local-stack/testing/testService';
import type { TestStack } from '@analytics/local-stack/testing/useTestStack';
import { openMongo } from '@analytics/shared/mongo/openMongo';
import { openRedis } from '@analytics/shared/redis/openRedis';
import { createWorkerRedis } from '@analytics/shared/redis/redis';
import { parseConfig } from '../src/config/config.ts';
import { createProcessor } from '../src/processor.ts';

/** Runs the service of `worker.ts` on the file's own queue and database. */
export async function startProcessor({ register, ...settings }: TestStack) {
  const config = parseConfig({ ...settings, REDIS_PORT: String(settings.REDIS_PORT) });
  const service = createTestService({ register, ...settings }, config);
  const mongo = openMongo(service);
  const processor = createProcessor({ ...service, ...mongo, ...openRedis(service, createWorkerRedis) });
  await processor.start();
  return { app: processor.app, connection: mongo.connection };
}
