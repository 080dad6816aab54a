import type { HealthCheck } from '@analytics/shared/http/health';
import type { DependencyWatch } from '@analytics/shared/service/dependencyWatch';
import type { Service } from '@analytics/shared/service/startService';
import type { Express } from 'express';
import type { Redis } from 'ioredis';
import { createApp } from './app.ts';
import type { Config } from './config/config.ts';
import { createIngestionMetrics } from './metrics.ts';
import { type BackpressureOptions, createBackpressure } from './queue/backpressure.ts';
import { createEventProducer, type EventProducer } from './queue/eventProducer.ts';
import { readOldestJobAge } from './queue/oldestJob.ts';
import type { BodyBudget } from './utils/bodyBudget.ts';
import { createJsonBodyReader } from './utils/readJsonBody.ts';
import { createEventValidator } from './utils/validateEvent.ts';

export interface IngestionDeps extends Pick<Service<Config>, 'config' | 'logger' | 'register' | 'metrics'> {
  redis: Redis;
  redisWatch: DependencyWatch;
  /** The lines of `/readyz`. */
  checks: Record<string, HealthCheck>;
}

/** Limits without a setting. Default: the values of production. */
export interface IngestionLimits extends Partial<BackpressureOptions> {
  bodyBudget?: BodyBudget | undefined;
  /** Milliseconds since 1970. */
  now?: () => number;
}

/** Builds the service on an open Redis: the producer of the queue, its backpressure and the app. */
export function createIngestion(
  { config, logger, register, metrics, redis, redisWatch, checks }: IngestionDeps,
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
  const app = createApp({
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
  });
  return { app, producer };
}
