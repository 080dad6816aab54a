import express, { type Express } from 'express';
import type { Logger } from '../service/logger.ts';
import { createHealthRouter, type HealthCheck } from './health.ts';
import { createProblemHandler, handleUnknownRoute } from './problem.ts';

export interface ServiceAppDeps {
  /** What `/readyz` tells, by the dependency's name. */
  checks: Record<string, HealthCheck>;
  logger: Pick<Logger, 'error'>;
}

/**
 * Builds what the Express apps of all services have in common, around the routes of one: its health and its
 * errors.
 */
export function createServiceApp(
  { checks, logger }: ServiceAppDeps,
  addRoutes: (app: Express) => void = () => {},
): Express {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  addRoutes(app);
  app.use(createHealthRouter(checks));
  app.use(handleUnknownRoute);
  app.use(createProblemHandler(logger));
  return app;
}
