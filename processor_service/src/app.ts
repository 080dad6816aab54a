import { createHealthRouter, type HealthCheck } from '@analytics/shared/health';
import type { Logger } from '@analytics/shared/logger';
import { createProblemHandler, handleUnknownRoute } from '@analytics/shared/problem';
import express, { type Express } from 'express';

export interface AppDeps {
  /** What `/readyz` asks, by the dependency's name. */
  checks: Record<string, HealthCheck>;
  logger: Logger;
}

/** Builds the worker's small HTTP side, which tells only how the worker is. */
export function createApp({ checks, logger }: AppDeps): Express {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  app.use(createHealthRouter(checks));
  app.use(handleUnknownRoute);
  app.use(createProblemHandler(logger));
  return app;
}
