import { type DueBuckets, measureDueBuckets } from '@analytics/rollups/dueBuckets';
import type { EventModel } from '@analytics/shared/event/eventModel';
import { type EventQueueNames, openEventQueue } from '@analytics/shared/event/eventQueue';
import { createServiceApp } from '@analytics/shared/http/serviceApp';
import type { DependencyWatch } from '@analytics/shared/service/dependencyWatch';
import type { Service } from '@analytics/shared/service/startService';
import { createKeyStore } from '@analytics/sites/keyStore';
import { createSiteCopy } from '@analytics/sites/siteCopy';
import { createSiteStore } from '@analytics/sites/siteStore';
import { createSnapshotReader } from '@analytics/sites/snapshotReader';
import type { Express } from 'express';
import type { Redis } from 'ioredis';
import type { Connection, mongo } from 'mongoose';
import type { Config } from './config/config.ts';
import { connectDatabase, connectIndexBuilder } from './config/db.ts';
import { createCollections, listCollections } from './database/createCollections.ts';
import { createDailyLease } from './database/dailyLease.ts';
import { type IndexBuild, startIndexBuild } from './database/indexBuild.ts';
import { createDeadLetterStore, type DeadLetterStore } from './deadLetters/deadLetterStore.ts';
import { batchInserts } from './events/batchInserts.ts';
import { createEventConsumer } from './events/eventConsumer.ts';
import { createEventStore } from './events/eventStore.ts';
import { startFailedJobSweep } from './events/failedJobSweep.ts';
import { createJobQuarantine } from './events/jobQuarantine.ts';
import { createProcessJob } from './events/processJob.ts';
import { startRetentionSchedule } from './events/retentionSchedule.ts';
import { createWriteInvalidator } from './events/writeInvalidator.ts';
import { createProcessorMetrics, type ProcessorMetrics } from './metrics.ts';
import { createDeadLetterModel } from './models/DeadLetter.model.ts';
import { createEventModel } from './models/Event.model.ts';
import { startRefreshSchedule } from './rollup/refreshSchedule.ts';
import { createRollups, type Rollups } from './rollup/rollups.ts';
import { copySites } from './sites/copySites.ts';

export interface ProcessorDeps extends Omit<Service<Config>, 'listen'> {
  /** Not open yet. */
  connection: Connection;
  mongoWatch: DependencyWatch;
  redis: Redis;
  redisWatch: DependencyWatch;
}

export interface Processor {
  /** Answers for the health of the service. */
  app: Express;
  /**
   * Waits for MongoDB, creates the collections, and starts to take jobs, build the indexes, sweep failed jobs
   * and refresh rollups. Registers the closing of all of them. Does nothing if the service stops before.
   *
   * @throws UnusableMongoError
   */
  start(): Promise<void>;
}

/** Builds the service on an open Redis and a connection to MongoDB. */
export function createProcessor(deps: ProcessorDeps): Processor {
  const { config, register, checks, metrics, mongoWatch } = deps;
  let work: Work | undefined;
  const counting = createProcessorMetrics(metrics, {
    countDeadLetters: () => work?.deadLetters.count,
    measureDueBuckets: async () => work && mongoWatch.whileUp(work.measureDueBuckets),
  });
  checks['mongodb'] = () => ({ ...mongoWatch.health, ...work?.indexes.health });
  checks['worker'] = () =>
    work ? { status: 'up', ...work.deadLetters.health } : { status: 'down', reason: 'not taking jobs yet' };
  return {
    app: createServiceApp({ ...deps, hasOperationsPort: config.OPERATIONS_PORT > 0 }),
    start: async () => {
      const starting = startWork(deps, counting);
      // Closed first: what the start opens meanwhile is registered after it, and closed next.
      register('the start of the worker', () => starting);
      work = await starting;
    },
  };
}

interface Work {
  deadLetters: DeadLetterStore;
  indexes: IndexBuild;
  measureDueBuckets: () => Promise<DueBuckets>;
}

/** How long MongoDB may count the due buckets for a scrape (ms). */
const MEASURE_TIMEOUT_MS = 900;

async function startWork(deps: ProcessorDeps, counting: ProcessorMetrics): Promise<Work | undefined> {
  const { config, logger, register, signal, connection, mongoWatch, redis, redisWatch } = deps;
  const Event = createEventModel(connection);
  const DeadLetter = createDeadLetterModel(connection);
  await connectDatabase(connection, config, signal);
  const { db } = connection;
  if (db === undefined) {
    // The service stops before MongoDB answers.
    return undefined;
  }
  const collections = listCollections([Event, DeadLetter]);
  await createCollections(db, collections, signal, logger);
  if (signal.aborted) {
    return undefined;
  }
  const { WORKER_CONCURRENCY: concurrency } = config;
  const queueNames: EventQueueNames = { queueName: config.QUEUE_NAME, queuePrefix: config.QUEUE_PREFIX };
  const rollups = createRollups(db, Event.collection.collectionName);
  const store = createEventStore(Event, createWriteInvalidator(rollups.invalidations), counting);
  const deadLetters = createDeadLetterStore(DeadLetter, logger, { onAdded: counting.onDeadLetters });
  const sites = copySites({
    reader: createSnapshotReader(() => db),
    keys: createKeyStore(() => db),
    copy: createSiteCopy(redis, queueNames),
    mongoWatch,
    redisWatch,
    logger,
  });
  register('the copying of the sites', () => sites.stop());
  const queue = openEventQueue(redis, queueNames);
  register('the queue', () => queue.close());
  const sweep = startFailedJobSweep({ redis, queue, findMissing: store.findMissing, deadLetters, logger });
  register('the sweep of failed jobs', () => sweep.close());
  const indexes = startIndexBuild({
    connect: (builder, builderSignal) => connectIndexBuilder(builder, config, builderSignal),
    collections,
    mongoWatch,
    logger,
  });
  registerSchedules(deps, counting, { db, Event, rollups, indexes, queueNames });
  const consumer = createEventConsumer({
    redis,
    redisWatch,
    mongoWatch,
    ...queueNames,
    concurrency,
    processJob: createProcessJob(batchInserts(store), deadLetters, counting.onStored),
    quarantine: createJobQuarantine({ queue, deadLetters, concurrency, logger }),
    onJobStored: counting.onJobStored,
    onJobFailed: sweep.request,
    logger,
  });
  register('the worker', () => consumer.close());
  logger.info({ queue: config.QUEUE_NAME, concurrency }, 'taking jobs off the queue');
  const measureDue = () => measureDueBuckets(rollups.collections, MEASURE_TIMEOUT_MS);
  return { deadLetters, indexes, measureDueBuckets: measureDue };
}

interface ScheduleDeps {
  db: mongo.Db;
  Event: EventModel;
  rollups: Rollups;
  indexes: IndexBuild;
  queueNames: EventQueueNames;
}

/**
 * Starts the refresh of rollups and the retention once the indexes are built. Without them, a collection
 * would be scanned for each hour, and site codes would not be unique.
 */
function registerSchedules(
  { config, logger, register, mongoWatch, redis, redisWatch }: ProcessorDeps,
  { onExpired }: ProcessorMetrics,
  { db, Event, rollups, indexes, queueNames }: ScheduleDeps,
): void {
  const start = () => [
    startRefreshSchedule({ redis, redisWatch, ...queueNames, refresh: rollups.refresh, logger }),
    startRetentionSchedule({
      hour: config.RETENTION_HOUR,
      sites: createSiteStore(() => db),
      lease: createDailyLease(db, { task: 'retention', since: new Date() }),
      Event,
      invalidator: createWriteInvalidator(rollups.invalidations),
      mongoWatch,
      onExpired,
      logger,
    }),
  ];
  const schedules = indexes.finished.then(() => (indexes.isDone ? start() : []));
  register('the index build, the refresh of rollups and the retention', async () => {
    await indexes.close();
    await Promise.all((await schedules).map((schedule) => schedule.close()));
  });
}
