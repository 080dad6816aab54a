import type { TestStack } from '@analytics/local-stack/testing/useTestStack';
import { openEventQueue } from '@analytics/shared/event/eventQueue';
import { createMongoConnection } from '@analytics/shared/mongo/mongo';
import { closeRedis, createWorkerRedis } from '@analytics/shared/redis/redis';
import { createLogger } from '@analytics/shared/service/logger';
import { Queue } from 'bullmq';
import { parseConfig } from '../../src/config/config.ts';
import { connectDatabase } from '../../src/config/db.ts';
import { createDeadLetterStore } from '../../src/deadLetters/deadLetterStore.ts';
import { batchInserts } from '../../src/events/batchInserts.ts';
import { createEventConsumer } from '../../src/events/eventConsumer.ts';
import { createEventStore } from '../../src/events/eventStore.ts';
import type { JobQuarantine } from '../../src/events/jobQuarantine.ts';
import { createProcessJob, type ProcessJob } from '../../src/events/processJob.ts';
import { createWriteInvalidator } from '../../src/events/writeInvalidator.ts';
import { createDeadLetterModel } from '../../src/models/DeadLetter.model.ts';
import { createEventModel } from '../../src/models/Event.model.ts';
import { createIndexedCollections } from '../database/createIndexedCollections.ts';
import { openRollups } from '../rollup/openRollups.ts';

const logger = createLogger({ name: 'processor_service', level: 'silent', isPretty: false });

/** Opens the queue of the test file, as the producer does. */
export function openQueue(stack: TestStack): Queue {
  const redis = createWorkerRedis(stack);
  stack.register(() => closeRedis(redis));
  const queue = openEventQueue(redis, { queueName: stack.QUEUE_NAME, queuePrefix: stack.QUEUE_PREFIX });
  stack.register(() => queue.close());
  return queue;
}

/** Opens the queue of the test file as a foreign producer does, with BullMQ alone. */
export function openForeignQueue(stack: TestStack): Queue {
  const redis = createWorkerRedis(stack);
  stack.register(() => closeRedis(redis));
  const queue = new Queue(stack.QUEUE_NAME, { connection: redis, prefix: stack.QUEUE_PREFIX });
  stack.register(() => queue.close());
  return queue;
}

/** Connects to the database of the test file, as the service does. */
export async function openStore(stack: TestStack) {
  const connection = createMongoConnection();
  stack.register(() => connection.close());
  const Event = createEventModel(connection);
  const DeadLetter = createDeadLetterModel(connection);
  const { signal } = new AbortController();
  await connectDatabase(connection, parseConfig({ MONGO_URI: stack.MONGO_URI }), signal);
  await createIndexedCollections(connection, [Event, DeadLetter], stack);
  const rollups = openRollups(connection);
  const store = createEventStore(Event, createWriteInvalidator(rollups.invalidations));
  const deadLetters = createDeadLetterStore(DeadLetter, logger);
  return {
    Event,
    DeadLetter,
    store,
    deadLetters,
    processJob: createProcessJob(batchInserts(store), deadLetters),
  };
}

/** Starts to take jobs, as the service does. */
export function startConsumer(
  stack: TestStack,
  processJob: ProcessJob,
  {
    concurrency = 5,
    onJobFailed = () => {},
    quarantine = { run: (_job, _token, work) => work() },
  }: { concurrency?: number; onJobFailed?: () => void; quarantine?: JobQuarantine } = {},
) {
  const redis = createWorkerRedis(stack);
  stack.register(() => closeRedis(redis));
  const consumer = createEventConsumer({
    quarantine,
    redis,
    redisWatch: { isUp: true },
    mongoWatch: { isUp: true },
    queueName: stack.QUEUE_NAME,
    queuePrefix: stack.QUEUE_PREFIX,
    concurrency,
    processJob,
    onJobFailed,
    logger,
  });
  stack.register(() => consumer.close());
  return consumer;
}
