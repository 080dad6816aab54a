import express, { type Express } from 'express';
import type { Logger } from '../service/logger.ts';
import { createHealthRouter, type HealthCheck } from './health.ts';
import { createProblemHandler, handleUnknownRoute } from './problem.ts';

export interface ServiceAppDeps {
  /** The lines of `/readyz`, by dependency. */
  checks: Record<string, HealthCheck>;
  logger: Pick<Logger, 'error'>;
  /** The proxies whose `X-Forwarded-For` is believed: their number, or their networks. Default: none. */
  trustProxy?: number | string[];
}

/**
 * Builds the Express app of a service: its routes, with the health routes and error responses of all
 * services.
 */
export function createServiceApp(
  { checks, logger, trustProxy = 0 }: ServiceAppDeps,
  addRoutes: (app: Express) => void = () => {},
): Express {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.set('trust proxy', trustProxy);
  addRoutes(app);
  app.use(createHealthRouter(checks));
  app.use(handleUnknownRoute);
  app.use(createProblemHandler(logger));
  return app;
}
