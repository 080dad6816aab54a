import type { Express } from 'express';
import type { z } from 'zod';
import { closeServer } from '../http/closeServer.ts';
import type { HealthCheck } from '../http/health.ts';
import { createHttpServer, listen } from '../http/httpServer.ts';
import { createOperationsApp } from '../http/serviceApp.ts';
import type { Metrics } from '../metrics/metrics.ts';
import { createServiceMetrics } from '../metrics/processMetrics.ts';
import { type Environment, readConfig, readVersion, type serverSettings } from './config.ts';
import { handleFatalErrors } from './fatal.ts';
import { createLogger, type Logger } from './logger.ts';
import { createShutdown, type Shutdown } from './shutdown.ts';

/** The settings of every service. */
type ServiceConfig = z.output<z.ZodObject<ReturnType<typeof serverSettings>>> & { LOG_LEVEL: string };

export interface ServiceOptions<Config> {
  /** The name in every line of the log. */
  name: string;
  /** A folder inside the service (`import.meta.dirname`). */
  folder: string;
  /** The prefix of the settings that replace the ports where several services share their settings. */
  aliasPrefix: string;
  /** @throws SettingsError */
  parseConfig: (environment: Environment) => Config;
  /** How long all closings together may take before the process ends anyway (ms). */
  closeDeadlineMs: number;
}

/** A running service. The code that opens a resource also registers its closing and its line in `/readyz`. */
export interface Service<Config> {
  config: Config;
  /** The version in the service's `package.json`. */
  version: string;
  logger: Logger;
  /** Registers how to close a resource. Last registered, first closed. */
  register: Shutdown['register'];
  /** Aborts when the closing begins. */
  signal: AbortSignal;
  /** The lines of `/readyz`, by dependency. */
  checks: Record<string, HealthCheck>;
  /** The metrics of the process, which `/metrics` shows. */
  metrics: Metrics;
  /** Serves an app, and health and metrics, on the configured ports. `details` appear in the log. */
  listen(app: Express, details?: Record<string, unknown>): Promise<void>;
}

/**
 * Starts a service: fatal errors, settings, log and signals. Belongs first in a composition root.
 *
 * @throws SettingsError, which ends the process with one readable line.
 */
export function startService<Config extends ServiceConfig>({
  name,
  folder,
  aliasPrefix,
  parseConfig,
  closeDeadlineMs,
}: ServiceOptions<Config>): Service<Config> {
  handleFatalErrors(name);
  const { config, warnings } = readConfig(parseConfig, {
    processEnv: process.env,
    within: folder,
    aliasPrefix,
  });
  const logger = createLogger({ name, level: config.LOG_LEVEL, isPretty: process.stdout.isTTY });
  for (const warning of warnings) {
    logger.warn(warning);
  }
  const shutdown = createShutdown({
    logger,
    deadlineMs: closeDeadlineMs,
    drainMs: config.SHUTDOWN_DRAIN_SECONDS * 1000,
  });
  shutdown.handleSignals();
  const checks = { process: shutdown.check };
  const metrics = createServiceMetrics({ service: name, version: readVersion(folder) }, checks);
  return {
    config,
    version: readVersion(folder),
    logger,
    register: shutdown.register,
    signal: shutdown.signal,
    checks,
    metrics,
    listen: async (app, details) => {
      const { HOST: host, PORT, OPERATIONS_PORT } = config;
      const server = createHttpServer(app);
      const operations = createHttpServer(createOperationsApp({ checks, metrics, logger }));
      // Together, because each waits for quiet connections.
      shutdown.register('the HTTP servers', () =>
        Promise.all([closeServer(server), closeServer(operations)]),
      );
      const ports = OPERATIONS_PORT && { operations_port: await listen(operations, OPERATIONS_PORT, host) };
      const port = await listen(server, PORT, host);
      logger.info({ host: host ?? 'all interfaces', port, ...ports, ...details }, 'listening');
      // To a process that started this one with a channel, as `npm start` does: no level of the log hides it.
      process.send?.({ listeningOn: port });
    },
  };
}
