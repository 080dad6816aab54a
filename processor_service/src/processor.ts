import { type EventQueueNames, openEventQueue } from '@analytics/shared/event/eventQueue';
import type { DependencyHealth } from '@analytics/shared/http/health';
import type { DependencyWatch } from '@analytics/shared/service/dependencyWatch';
import type { Service } from '@analytics/shared/service/startService';
import type { Redis } from 'ioredis';
import type { Connection } from 'mongoose';
import type { Config } from './config/config.ts';
import { connectDatabase, connectIndexBuilder } from './config/db.ts';
import { createCollections, listCollections } from './database/createCollections.ts';
import { startIndexBuild } from './database/indexBuild.ts';
import { createDeadLetterStore } from './deadLetters/deadLetterStore.ts';
import { batchInserts } from './events/batchInserts.ts';
import { createEventConsumer } from './events/eventConsumer.ts';
import { createEventStore } from './events/eventStore.ts';
import { startFailedJobSweep } from './events/failedJobSweep.ts';
import { createJobQuarantine } from './events/jobQuarantine.ts';
import { createProcessJob } from './events/processJob.ts';
import { createWriteInvalidator } from './events/writeInvalidator.ts';
import { createDeadLetterModel } from './models/DeadLetter.model.ts';
import { createEventModel } from './models/Event.model.ts';
import { startRefreshSchedule } from './rollup/refreshSchedule.ts';
import { createRollups } from './rollup/rollups.ts';

export interface ProcessorDeps extends Pick<Service<Config>, 'config' | 'logger'> {
  connection: Connection;
  mongoWatch: DependencyWatch;
  redis: Redis;
  redisWatch: DependencyWatch;
}

/** The worker while it takes jobs. */
export interface Processor {
  /** Warns about dead letters. */
  readonly deadLetterHealth: Partial<DependencyHealth>;
  /** Warns about indexes that are being built. */
  readonly indexHealth: Partial<DependencyHealth>;
  /** Finishes the running jobs, and ends everything else. */
  close(): Promise<void>;
}

/**
 * Waits for MongoDB, creates the collections, and starts to take jobs, build the indexes, sweep failed jobs and refresh
 * rollups. Resolves with undefined if the signal aborts before.
 */
export async function startProcessor(
  { config, logger, connection, mongoWatch, redis, redisWatch }: ProcessorDeps,
  signal: AbortSignal,
): Promise<Processor | undefined> {
  const Event = createEventModel(connection);
  const DeadLetter = createDeadLetterModel(connection);
  await connectDatabase(connection, config, signal);
  const collections = listCollections([Event, DeadLetter]);
  await createCollections(connection, collections, signal, logger);
  if (signal.aborted || connection.db === undefined) {
    return undefined;
  }
  const { WORKER_CONCURRENCY: concurrency } = config;
  const queueNames: EventQueueNames = { queueName: config.QUEUE_NAME, queuePrefix: config.QUEUE_PREFIX };
  const rollups = createRollups(connection.db, Event.collection.collectionName);
  const store = createEventStore(Event, createWriteInvalidator(rollups.invalidations));
  const deadLetters = createDeadLetterStore(DeadLetter, logger);
  const queue = openEventQueue(redis, queueNames);
  const sweep = startFailedJobSweep({ redis, queue, findMissing: store.findMissing, deadLetters, logger });
  const consumer = createEventConsumer({
    redis,
    redisWatch,
    mongoWatch,
    ...queueNames,
    concurrency,
    processJob: createProcessJob(batchInserts(store), deadLetters),
    quarantine: createJobQuarantine({ queue, deadLetters, concurrency, logger }),
    onJobFailed: sweep.request,
    logger,
  });
  const indexes = startIndexBuild({
    connect: (builder, builderSignal) => connectIndexBuilder(builder, config, builderSignal),
    collections,
    mongoWatch,
    logger,
  });
  // Without its indexes, a collection would be scanned for each hour, and site codes would not be unique.
  const schedule = indexes.finished.then(() =>
    indexes.isDone
      ? startRefreshSchedule({ redis, redisWatch, ...queueNames, refresh: rollups.refresh, logger })
      : undefined,
  );
  logger.info({ queue: config.QUEUE_NAME, concurrency }, 'taking jobs off the queue');
  return {
    get deadLetterHealth() {
      return deadLetters.health;
    },
    get indexHealth() {
      return indexes.health;
    },
    close: async () => {
      await consumer.close();
      await indexes.close();
      await (await schedule)?.close();
      await sweep.close();
      await queue.close();
    },
  };
}
