import type { TestStack } from '@analytics/local-stack/testing/useTestStack';
import { createLogger } from '@analytics/shared/logger';
import { createMongoConnection } from '@analytics/shared/mongo';
import { closeRedis, createWorkerRedis } from '@analytics/shared/redis';
import { Queue } from 'bullmq';
import { parseConfig } from '../src/config/config.ts';
import { connectDatabase } from '../src/config/db.ts';
import { createEventConsumer } from '../src/eventConsumer.ts';
import { createEventStore } from '../src/eventStore.ts';
import { buildEventIndexes, createEventModel } from '../src/models/Event.model.ts';
import { createProcessJob, type ProcessJob } from '../src/processJob.ts';

const logger = createLogger({ name: 'processor_service', level: 'silent', isPretty: false });

/** Opens the file's queue, as a producer would. */
export function openQueue(stack: TestStack): Queue {
  const queue = new Queue(stack.QUEUE_NAME, {
    connection: { host: stack.REDIS_HOST, port: stack.REDIS_PORT },
    prefix: stack.QUEUE_PREFIX,
  });
  stack.register(() => queue.close());
  return queue;
}

/** Connects to the file's database as the service does. */
export async function openStore(stack: TestStack) {
  const connection = createMongoConnection();
  const Event = createEventModel(connection);
  const config = parseConfig({ MONGO_URI: stack.MONGO_URI });
  const { signal } = new AbortController();
  await connectDatabase(connection, config, signal, logger);
  stack.register(() => connection.close());
  await buildEventIndexes(Event, signal, logger);
  return { Event, processJob: createProcessJob(createEventStore(Event)) };
}

/** Starts taking jobs, as `worker.ts` does. */
export function startConsumer(stack: TestStack, processJob: ProcessJob, concurrency = 5) {
  const redis = createWorkerRedis(stack, logger);
  stack.register(() => closeRedis(redis));
  const consumer = createEventConsumer({
    redis,
    queueName: stack.QUEUE_NAME,
    queuePrefix: stack.QUEUE_PREFIX,
    concurrency,
    processJob,
    logger,
  });
  stack.register(() => consumer.close());
  return consumer;
}
