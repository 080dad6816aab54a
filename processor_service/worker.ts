import { setFlagsFromString } from 'node:v8';
import { openEventQueue } from '@analytics/shared/event/eventQueue';
import { closeServer } from '@analytics/shared/http/closeServer';
import { announceListening, createHttpServer, listen } from '@analytics/shared/http/httpServer';
import {
  closeMongo,
  createMongoConnection,
  createMongoProbe,
  describeMongo,
  requireMongoUri,
} from '@analytics/shared/mongo/mongo';
import {
  closeRedis,
  createWorkerRedis,
  describeRedis,
  renewRedisConnection,
} from '@analytics/shared/redis/redis';
import { describeWarnings, watchRedisDurability } from '@analytics/shared/redis/redisDurability';
import { probeRedis } from '@analytics/shared/redis/redisProbe';
import { collectGarbageEarly } from '@analytics/shared/service/collectGarbageEarly';
import { readConfig } from '@analytics/shared/service/config';
import { createDependencyWatch } from '@analytics/shared/service/dependencyWatch';
import { exitWithFatalError, handleFatalErrors } from '@analytics/shared/service/fatal';
import { createLogger } from '@analytics/shared/service/logger';
import { createShutdown } from '@analytics/shared/service/shutdown';
import { createApp } from './src/app.ts';
import { parseConfig } from './src/config/config.ts';
import { connectDatabase, connectIndexBuilder } from './src/config/db.ts';
import { createCollections, listCollections } from './src/database/createCollections.ts';
import { type IndexBuild, startIndexBuild } from './src/database/indexBuild.ts';
import { createDeadLetterStore, type DeadLetterStore } from './src/deadLetters/deadLetterStore.ts';
import { batchInserts } from './src/events/batchInserts.ts';
import { createEventConsumer } from './src/events/eventConsumer.ts';
import { createEventStore } from './src/events/eventStore.ts';
import { startFailedJobSweep } from './src/events/failedJobSweep.ts';
import { createJobQuarantine } from './src/events/jobQuarantine.ts';
import { createProcessJob } from './src/events/processJob.ts';
import { createWriteInvalidator } from './src/events/writeInvalidator.ts';
import { createDeadLetterModel } from './src/models/DeadLetter.model.ts';
import { createEventModel } from './src/models/Event.model.ts';
import { startRefreshSchedule } from './src/rollup/refreshSchedule.ts';
import { createRollups } from './src/rollup/rollups.ts';

// A worker often starts with a queue to work off, and V8 interprets a function many times before it compiles
// it. Compiled at its first call, the first 200,000 events cost a tenth less time; afterwards it makes no
// difference.
setFlagsFromString('--always-sparkplug');

handleFatalErrors('processor_service');
collectGarbageEarly();
const { config, warnings } = readConfig(parseConfig, {
  processEnv: process.env,
  within: import.meta.dirname,
  portAlias: 'PROCESSOR_PORT',
});
requireMongoUri(config.MONGO_URI);
const logger = createLogger({
  name: 'processor_service',
  level: config.LOG_LEVEL,
  isPretty: process.stdout.isTTY,
});
for (const warning of warnings) {
  logger.warn(warning);
}
const shutdown = createShutdown({
  logger,
  deadlineMs: 24_000,
  drainMs: config.SHUTDOWN_DRAIN_SECONDS * 1000,
});
shutdown.handleSignals();

const connection = createMongoConnection();
shutdown.register('MongoDB', () => closeMongo(connection));
const mongoProbe = createMongoProbe(connection, config.MONGO_URI);
shutdown.register('the probe of MongoDB', () => mongoProbe.close());
const mongoWatch = createDependencyWatch({
  dependency: describeMongo(config.MONGO_URI),
  probe: mongoProbe.ping,
  logger,
});
shutdown.register('the watch over MongoDB', () => mongoWatch.stop());
const redis = createWorkerRedis(config);
shutdown.register('Redis', () => closeRedis(redis));
const durability = watchRedisDurability({
  redis,
  isStrict: config.REDIS_DURABILITY === 'strict',
  onRefused: exitWithFatalError,
  logger,
});
shutdown.register('the check of the durability', () => durability.stop());
const redisWatch = createDependencyWatch({
  dependency: describeRedis(config),
  probe: async () => {
    await probeRedis(redis, `${config.QUEUE_PREFIX}:${config.QUEUE_NAME}`);
    await durability.requireDurable();
  },
  onStillDown: () => renewRedisConnection(redis),
  logger,
});
shutdown.register('the watch over Redis', () => redisWatch.stop());

let isTakingJobs = false;
let deadLetters: DeadLetterStore | undefined;
let indexBuild: IndexBuild | undefined;
const app = createApp({
  checks: {
    process: shutdown.check,
    redis: () => ({ ...redisWatch.health, ...describeWarnings(durability) }),
    mongodb: () => ({ ...mongoWatch.health, ...indexBuild?.health }),
    worker: () =>
      isTakingJobs
        ? { status: 'up', ...deadLetters?.health }
        : { status: 'down', reason: 'not taking jobs yet' },
  },
  logger,
});
const server = createHttpServer(app);
shutdown.register('the HTTP server', () => closeServer(server));
const port = await listen(server, config.PORT, config.HOST);
announceListening(logger, { host: config.HOST, port });

const starting = new AbortController();
const started = startWork(starting.signal);
shutdown.register('the worker', async () => {
  starting.abort();
  await (await started)?.close();
});
await started;

/**
 * Waits for MongoDB, creates the collections and takes jobs; resolves with nothing if told to stop before.
 */
async function startWork(signal: AbortSignal): Promise<{ close(): Promise<void> } | undefined> {
  const Event = createEventModel(connection);
  const DeadLetter = createDeadLetterModel(connection);
  await connectDatabase(connection, config, signal);
  const collections = listCollections([Event, DeadLetter]);
  await createCollections(connection, collections, signal, logger);
  if (signal.aborted || connection.db === undefined) {
    return undefined;
  }
  const rollups = createRollups(connection.db, Event.collection.collectionName);
  const store = createEventStore(Event, createWriteInvalidator(rollups.invalidations));
  deadLetters = createDeadLetterStore(DeadLetter, logger);
  const queueNames = { queueName: config.QUEUE_NAME, queuePrefix: config.QUEUE_PREFIX };
  const queue = openEventQueue(redis, queueNames);
  const sweep = startFailedJobSweep({ redis, queue, findMissing: store.findMissing, deadLetters, logger });
  const consumer = createEventConsumer({
    redis,
    redisWatch,
    mongoWatch,
    ...queueNames,
    concurrency: config.WORKER_CONCURRENCY,
    processJob: createProcessJob(batchInserts(store), deadLetters),
    quarantine: createJobQuarantine({ queue, deadLetters, concurrency: config.WORKER_CONCURRENCY, logger }),
    onJobFailed: sweep.request,
    logger,
  });
  const indexes = startIndexBuild({
    connect: (connection, signal) => connectIndexBuilder(connection, config, signal),
    collections,
    mongoWatch,
    logger,
  });
  indexBuild = indexes;
  // Without its indexes a collection would be scanned for each hour, and the numbers of new sites would not
  // be unique.
  const schedule = indexes.finished.then(() =>
    indexes.isDone
      ? startRefreshSchedule({ redis, redisWatch, ...queueNames, refresh: rollups.refresh, logger })
      : undefined,
  );
  isTakingJobs = true;
  logger.info(
    { queue: config.QUEUE_NAME, concurrency: config.WORKER_CONCURRENCY },
    'taking jobs off the queue',
  );
  return {
    close: async () => {
      await consumer.close();
      await indexes.close();
      await (await schedule)?.close();
      await sweep.close();
      await queue.close();
    },
  };
}
