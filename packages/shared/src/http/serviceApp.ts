import express, { type Express } from 'express';
import type { Metrics } from '../metrics/metrics.ts';
import { addMetricsRoute } from '../metrics/metricsRoute.ts';
import { addResponseMetrics } from '../metrics/processMetrics.ts';
import type { Logger } from '../service/logger.ts';
import { createHealthRouter, type HealthCheck } from './health.ts';
import { createProblemHandler, handleUnknownRoute, type OnRefused } from './problem.ts';
import { countResponses } from './responseCounts.ts';

export interface ServiceAppDeps {
  /** The lines of `/readyz`, by dependency. */
  checks: Record<string, HealthCheck>;
  metrics: Metrics;
  /** Called for each error response that refuses something countable. */
  onRefused?: OnRefused | undefined;
  logger: Pick<Logger, 'error'>;
}

/**
 * Builds the Express app of a service: its routes, with the health routes, the metrics and the error responses
 * of all services.
 */
export function createServiceApp(
  { checks, metrics, onRefused, logger }: ServiceAppDeps,
  addRoutes: (app: Express) => void = () => {},
): Express {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  addResponseMetrics(metrics, countResponses(app));
  addRoutes(app);
  app.use(createHealthRouter(checks));
  addMetricsRoute(app, metrics);
  app.use(handleUnknownRoute);
  app.use(createProblemHandler(logger, onRefused));
  return app;
}
