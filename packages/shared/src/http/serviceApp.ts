import express, { type Express } from 'express';
import type { Metrics } from '../metrics/metrics.ts';
import { addMetricsRoute } from '../metrics/metricsRoute.ts';
import { addResponseMetrics } from '../metrics/processMetrics.ts';
import type { Logger } from '../service/logger.ts';
import { createHealthRouter, createLivenessRouter, type HealthCheck } from './health.ts';
import { createProblemHandler, handleUnknownRoute, type OnRefused } from './problem.ts';
import { countResponses } from './responseCounts.ts';

/** What an app needs to answer for the health of its service. */
interface OperationsAppDeps {
  /** The lines of `/readyz`, by dependency. */
  checks: Record<string, HealthCheck>;
  metrics: Metrics;
  logger: Pick<Logger, 'error'>;
  /** The proxies whose `X-Forwarded-For` is believed: their number, or their networks. Default: none. */
  trustProxy?: number | string[];
}

export interface ServiceAppDeps extends OperationsAppDeps {
  /** Whether an app on another port serves `/readyz` and `/metrics`. Absent: this one does. */
  hasOperationsPort?: boolean;
  /** Called for each error response that refuses something countable. */
  onRefused?: OnRefused | undefined;
}

/**
 * Builds the Express app of a service: its routes, with health, metrics and the error responses of all
 * services.
 */
export function createServiceApp(
  { checks, metrics, hasOperationsPort = false, onRefused, logger, trustProxy = 0 }: ServiceAppDeps,
  addRoutes: (app: Express) => void = () => {},
): Express {
  const app = createApp();
  app.set('trust proxy', trustProxy);
  addResponseMetrics(metrics, countResponses(app));
  addRoutes(app);
  if (hasOperationsPort) {
    app.use(createLivenessRouter());
  } else {
    addOperationsRoutes(app, { checks, metrics });
  }
  return addErrorHandlers(app, logger, onRefused);
}

/** Builds the app of OPERATIONS_PORT: health and metrics. Its responses are not in the metrics. */
export function createOperationsApp({ checks, metrics, logger }: OperationsAppDeps): Express {
  const app = createApp();
  addOperationsRoutes(app, { checks, metrics });
  return addErrorHandlers(app, logger);
}

function createApp(): Express {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  return app;
}

function addOperationsRoutes(app: Express, { checks, metrics }: Omit<OperationsAppDeps, 'logger'>): void {
  app.use(createHealthRouter(checks));
  addMetricsRoute(app, metrics);
}

function addErrorHandlers(app: Express, logger: Pick<Logger, 'error'>, onRefused?: OnRefused): Express {
  app.use(handleUnknownRoute);
  app.use(createProblemHandler(logger, onRefused));
  return app;
}
