import { readEnvironment } from '@analytics/shared/config';
import { handleFatalErrors } from '@analytics/shared/fatal';
import { closeServer, createHttpServer, listen } from '@analytics/shared/httpServer';
import { createLogger } from '@analytics/shared/logger';
import { createMongoConnection, pingMongo } from '@analytics/shared/mongo';
import { closeRedis, createWorkerRedis } from '@analytics/shared/redis';
import { createShutdown } from '@analytics/shared/shutdown';
import { createApp } from './src/app.ts';
import { parseConfig } from './src/config/config.ts';
import { connectDatabase } from './src/config/db.ts';
import { createEventConsumer } from './src/eventConsumer.ts';
import { createEventStore } from './src/eventStore.ts';
import { buildEventIndexes, createEventModel } from './src/models/Event.model.ts';
import { createProcessJob } from './src/processJob.ts';

handleFatalErrors('processor_service');
const config = parseConfig(
  readEnvironment({ processEnv: process.env, within: import.meta.dirname, portAlias: 'PROCESSOR_PORT' }),
);
const logger = createLogger({
  name: 'processor_service',
  level: config.LOG_LEVEL,
  isPretty: process.stdout.isTTY,
});
const shutdown = createShutdown({ logger, deadlineMs: 24_000 });
shutdown.handleSignals();

const connection = createMongoConnection();
const redis = createWorkerRedis(config, logger);
const app = createApp({
  checks: { mongodb: () => pingMongo(connection), redis: () => redis.ping() },
  logger,
});
const server = createHttpServer(app);
shutdown.register('the HTTP server', () => closeServer(server));
const port = await listen(server, config.PORT);
logger.info({ port }, 'listening for health checks');

const waiting = new AbortController();
shutdown.register('MongoDB', () => connection.close());
shutdown.register('Redis', () => closeRedis(redis));
shutdown.register('the waiting for MongoDB', () => waiting.abort());
const Event = createEventModel(connection);
if (await connectDatabase(connection, config, waiting.signal, logger)) {
  await buildEventIndexes(Event);
  const consumer = createEventConsumer({
    redis,
    queueName: config.QUEUE_NAME,
    queuePrefix: config.QUEUE_PREFIX,
    concurrency: config.WORKER_CONCURRENCY,
    processJob: createProcessJob(createEventStore(Event)),
    logger,
  });
  shutdown.register('the worker', () => consumer.close());
  logger.info(
    { queue: config.QUEUE_NAME, concurrency: config.WORKER_CONCURRENCY },
    'taking jobs off the queue',
  );
}
