import { closeServer } from '@analytics/shared/http/closeServer';
import { announceListening, createHttpServer, listen } from '@analytics/shared/http/httpServer';
import {
  closeRedis,
  createRequestRedis,
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
import { parseConfig } from './src/config.ts';
import { createBackpressure } from './src/queue/backpressure.ts';
import { createEventProducer } from './src/queue/eventProducer.ts';
import { createJsonBodyReader } from './src/utils/readJsonBody.ts';
import { createEventValidator } from './src/utils/validateEvent.ts';

handleFatalErrors('ingestion_service');
collectGarbageEarly();
const { config, warnings } = readConfig(parseConfig, {
  processEnv: process.env,
  within: import.meta.dirname,
  portAlias: 'INGESTION_PORT',
});
const logger = createLogger({
  name: 'ingestion_service',
  level: config.LOG_LEVEL,
  isPretty: process.stdout.isTTY,
});
for (const warning of warnings) {
  logger.warn(warning);
}
const shutdown = createShutdown({
  logger,
  deadlineMs: 9000,
  drainMs: config.SHUTDOWN_DRAIN_SECONDS * 1000,
});
shutdown.handleSignals();

const redis = createRequestRedis(config);
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
const queueNames = { queueName: config.QUEUE_NAME, queuePrefix: config.QUEUE_PREFIX };
const backpressure = createBackpressure({
  redis,
  redisWatch,
  ...queueNames,
  maxWaitingEvents: config.QUEUE_MAX_WAITING_EVENTS,
  maxQueueBytes: config.QUEUE_MAX_BYTES || undefined,
  maxMemoryPercent: config.REDIS_MAX_MEMORY_PERCENT,
  logger,
});
shutdown.register('the sampling of the queue', () => backpressure.stop());
const producer = createEventProducer({ redis, redisWatch, backpressure, ...queueNames, logger });
shutdown.register('the queue', () => producer.close());

const app = createApp({
  readJsonBody: createJsonBodyReader(),
  validator: createEventValidator({
    maxFutureMs: config.EVENT_MAX_FUTURE_HOURS * 3_600_000,
    minTimestampMs: Date.parse(config.EVENT_MIN_DATE),
  }),
  enqueueEvents: producer.enqueueEvents,
  checks: {
    process: shutdown.check,
    redis: () => ({ ...redisWatch.health, ...describeWarnings(durability) }),
  },
  logger,
});
const server = createHttpServer(app);
shutdown.register('the HTTP server', () => closeServer(server));
const port = await listen(server, config.PORT, config.HOST);
announceListening(logger, { host: config.HOST, port });
