import { closeServer } from '@analytics/shared/http/closeServer';
import { announceListening, createHttpServer, listen } from '@analytics/shared/http/httpServer';
import {
  closeMongo,
  createMongoConnection,
  createMongoProbe,
  describeMongo,
  requireMongoUri,
} from '@analytics/shared/mongo/mongo';
import { readConfig } from '@analytics/shared/service/config';
import { createDependencyWatch } from '@analytics/shared/service/dependencyWatch';
import { handleFatalErrors } from '@analytics/shared/service/fatal';
import { createLogger } from '@analytics/shared/service/logger';
import { createShutdown } from '@analytics/shared/service/shutdown';
import { createApp } from './src/app.ts';
import { createReportCache } from './src/cache/reportCache.ts';
import { parseConfig } from './src/config/config.ts';
import { connectDatabase } from './src/config/db.ts';
import { createReportDatabase } from './src/database/reportDatabase.ts';
import { createEventModel } from './src/models/Event.model.ts';

handleFatalErrors('reporting_service');
const { config, warnings } = readConfig(parseConfig, {
  processEnv: process.env,
  within: import.meta.dirname,
  portAlias: 'REPORTING_PORT',
});
requireMongoUri(config.MONGO_URI);
const logger = createLogger({
  name: 'reporting_service',
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
const database = createReportDatabase(createEventModel(connection), {
  timeoutMs: config.STATS_TIMEOUT_SECONDS * 1000,
  maxConcurrent: config.STATS_MAX_CONCURRENT,
  mongoWatch,
  logger,
  now: Date.now,
});

const app = createApp({
  topPathsLimit: config.STATS_TOP_PATHS,
  answerReport: createReportCache({
    database,
    ttlMs: config.STATS_CACHE_TTL_SECONDS * 1000,
    maxBytes: config.STATS_CACHE_MAX_BYTES,
    now: Date.now,
  }),
  now: Date.now,
  checks: { process: shutdown.check, mongodb: () => mongoWatch.health },
  logger,
});
const server = createHttpServer(app);
shutdown.register('the HTTP server', () => closeServer(server));
const port = await listen(server, config.PORT, config.HOST);
// Reports by local days are as right as these tables, which belong to Node.
const time_zones = process.versions['tz'];
announceListening(logger, { host: config.HOST, port }, { time_zones });

const connecting = new AbortController();
shutdown.register('the connecting to MongoDB', () => connecting.abort());
await connectDatabase(connection, config, connecting.signal);
