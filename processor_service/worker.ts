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
import { createEventConsumer, type EventConsumer } from './src/eventConsumer.ts';
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

const starting = new AbortController();
shutdown.register('MongoDB', () => connection.close());
shutdown.register('Redis', () => closeRedis(redis));
const started = startConsumer(starting.signal);
shutdown.register('the worker', async () => {
  starting.abort();
  await (await started)?.close();
});
await started;

/** Waits for MongoDB, makes it ready and takes jobs; resolves with nothing if told to stop before. */
async function startConsumer(signal: AbortSignal): Promise<EventConsumer | undefined> {
  const Event = createEventModel(connection);
  const isReady =
    (await connectDatabase(connection, config, signal, logger)) &&
    (await buildEventIndexes(Event, signal, logger));
  if (!isReady || signal.aborted) {
    return undefined;
  }
  logger.info(
    { queue: config.QUEUE_NAME, concurrency: config.WORKER_CONCURRENCY },
    'taking jobs off the queue',
  );
  return createEventConsumer({
    redis,
    queueName: config.QUEUE_NAME,
    queuePrefix: config.QUEUE_PREFIX,
    concurrency: config.WORKER_CONCURRENCY,
    processJob: createProcessJob(createEventStore(Event)),
    logger,
  });
}
