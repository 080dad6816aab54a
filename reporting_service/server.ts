import { readEnvironment } from '@analytics/shared/config';
import { handleFatalErrors } from '@analytics/shared/fatal';
import { closeServer, createHttpServer, listen } from '@analytics/shared/httpServer';
import { createLogger } from '@analytics/shared/logger';
import { createMongoConnection, pingMongo } from '@analytics/shared/mongo';
import { createShutdown } from '@analytics/shared/shutdown';
import { createApp } from './src/app.ts';
import { parseConfig } from './src/config/config.ts';
import { connectDatabase } from './src/config/db.ts';
import { createEventModel } from './src/models/Event.model.ts';
import { createStatsReader } from './src/statsReader.ts';

handleFatalErrors('reporting_service');
const config = parseConfig(
  readEnvironment({ processEnv: process.env, within: import.meta.dirname, portAlias: 'REPORTING_PORT' }),
);
const logger = createLogger({
  name: 'reporting_service',
  level: config.LOG_LEVEL,
  isPretty: process.stdout.isTTY,
});
const shutdown = createShutdown({ logger, deadlineMs: 9000 });
shutdown.handleSignals();

const connection = createMongoConnection();
shutdown.register('MongoDB', () => connection.close());
const { readSiteStats } = createStatsReader(createEventModel(connection), {
  topPathsLimit: config.STATS_TOP_PATHS,
  timeoutMs: config.STATS_TIMEOUT_SECONDS * 1000,
  logger,
});

const app = createApp({ readSiteStats, checks: { mongodb: () => pingMongo(connection) }, logger });
const server = createHttpServer(app);
shutdown.register('the HTTP server', () => closeServer(server));
const port = await listen(server, config.PORT);
logger.info({ port }, 'listening');

const waiting = new AbortController();
shutdown.register('the waiting for MongoDB', () => waiting.abort());
await connectDatabase(connection, config, waiting.signal, logger);
