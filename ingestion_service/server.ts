import { readEnvironment } from '@analytics/shared/config';
import { handleFatalErrors } from '@analytics/shared/fatal';
import { closeServer, createHttpServer, listen } from '@analytics/shared/httpServer';
import { createLogger } from '@analytics/shared/logger';
import { closeRedis, createRequestRedis } from '@analytics/shared/redis';
import { createShutdown } from '@analytics/shared/shutdown';
import { createApp } from './src/app.ts';
import { parseConfig } from './src/config.ts';
import { createEventProducer } from './src/queue/eventProducer.ts';
import { createValidateEvent } from './src/utils/validateEvent.ts';

handleFatalErrors('ingestion_service');
const config = parseConfig(
  readEnvironment({ processEnv: process.env, within: import.meta.dirname, portAlias: 'INGESTION_PORT' }),
);
const logger = createLogger({
  name: 'ingestion_service',
  level: config.LOG_LEVEL,
  isPretty: process.stdout.isTTY,
});
const shutdown = createShutdown({ logger, deadlineMs: 9000 });
shutdown.handleSignals();

const redis = createRequestRedis(config, logger);
shutdown.register('Redis', () => closeRedis(redis));
const producer = createEventProducer({
  redis,
  queueName: config.QUEUE_NAME,
  queuePrefix: config.QUEUE_PREFIX,
  logger,
});
shutdown.register('the queue', () => producer.close());

const app = createApp({
  validateEvent: createValidateEvent({ maxFutureMs: config.EVENT_MAX_FUTURE_HOURS * 3_600_000 }),
  enqueueEvent: producer.enqueueEvent,
  checks: { redis: () => redis.ping() },
  logger,
});
const server = createHttpServer(app);
shutdown.register('the HTTP server', () => closeServer(server));
const port = await listen(server, config.PORT);
logger.info({ port }, 'listening');
