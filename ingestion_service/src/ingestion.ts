import type { DependencyWatch } from '@analytics/shared/service/dependencyWatch';
import type { Service } from '@analytics/shared/service/startService';
import { createKeyUseNotes } from '@analytics/sites/keyUses';
import { createSiteCopy } from '@analytics/sites/siteCopy';
import type { Express } from 'express';
import type { Redis } from 'ioredis';
import { readSiteCopy } from './access/siteCopyReader.ts';
import { createWriteAccess } from './access/writeAccess.ts';
import { createWriteLimits } from './access/writeLimits.ts';
import { createApp } from './app.ts';
import type { Config } from './config/config.ts';
import { createIngestionMetrics } from './metrics.ts';
import { type BackpressureOptions, createBackpressure } from './queue/backpressure.ts';
import { createEventProducer, type EventProducer } from './queue/eventProducer.ts';
import { readOldestJobAge } from './queue/oldestJob.ts';
import type { BodyBudget } from './utils/bodyBudget.ts';
import { createJsonBodyReader } from './utils/readJsonBody.ts';
import { createEventValidator } from './utils/validateEvent.ts';

export interface IngestionDeps
  extends Pick<Service<Config>, 'config' | 'logger' | 'register' | 'checks' | 'metrics' | 'version'> {
  redis: Redis;
  redisWatch: DependencyWatch;
}

/** Limits without a setting. Default: the values of production. */
export interface IngestionLimits extends Partial<BackpressureOptions> {
  bodyBudget?: BodyBudget | undefined;
  /** Milliseconds since 1970. */
  now?: () => number;
}

/** Builds the service on an open Redis: the producer of the queue, its backpressure and the app. */
export function createIngestion(
  { config, logger, register, metrics, version, redis, redisWatch, checks }: IngestionDeps,
  { bodyBudget, now, ...limits }: IngestionLimits = {},
): { app: Express; producer: EventProducer } {
  const queueNames = { queueName: config.QUEUE_NAME, queuePrefix: config.QUEUE_PREFIX };
  const backpressure = createBackpressure({
    redis,
    redisWatch,
    ...queueNames,
    maxWaitingEvents: config.QUEUE_MAX_WAITING_EVENTS,
    maxQueueBytes: config.QUEUE_MAX_BYTES || undefined,
    maxMemoryPercent: config.REDIS_MAX_MEMORY_PERCENT,
    logger,
    ...limits,
  });
  register('the sampling of the queue', () => backpressure.stop());
  const { readFrom, onQueued, ...counting } = createIngestionMetrics(metrics);
  readFrom({
    queueLoad: backpressure.load,
    readOldestAge: () =>
      readOldestJobAge(redis, (name) => `${config.QUEUE_PREFIX}:${config.QUEUE_NAME}:${name}`),
    maxMemoryPercent: config.REDIS_MAX_MEMORY_PERCENT,
  });
  const producer = createEventProducer({
    redis,
    redisWatch,
    backpressure,
    ...queueNames,
    onQueued,
    logger,
  });
  register('the queue', () => producer.close());
  const copy = createSiteCopy(redis, queueNames);
  const sites = readSiteCopy({ copy, redisWatch, logger });
  register('the reading of the sites', () => sites.stop());
  if (config.AUTH_MODE === 'keys') {
    checks['sites'] = sites.check;
  }
  const access = createWriteAccess({
    mode: config.AUTH_MODE,
    findDirectory: () => sites.directory,
    onKeyUsed: createKeyUseNotes((hash, ms) => {
      // The next use notes it again.
      copy
        .noteKeyUse(hash, ms)
        .catch((error: Error) => logger.debug({ err: error }, 'cannot note a key use'));
    }),
    ...(now && { now }),
  });
  const app = createApp({
    access,
    limits: createWriteLimits(config, {
      redis,
      prefix: `${config.QUEUE_PREFIX}:${config.QUEUE_NAME}:limits`,
      // Only the watch over Redis logs that it is away; the process limits alone then.
      onFailure: (error) => logger.debug({ err: error }, 'a limit was applied without Redis'),
      ...(now && { now }),
    }),
    trustProxy: config.TRUST_PROXY,
    readJsonBody: createJsonBodyReader(bodyBudget),
    validator: createEventValidator({
      maxFutureMs: config.EVENT_MAX_FUTURE_HOURS * 3_600_000,
      minTimestampMs: Date.parse(config.EVENT_MIN_DATE),
      ...(now && { now }),
    }),
    enqueueEvents: producer.enqueueEvents,
    ...counting,
    hasOperationsPort: config.OPERATIONS_PORT > 0,
    checks,
    metrics,
    logger,
    version,
  });
  return { app, producer };
}
