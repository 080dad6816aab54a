import { createHealthRouter, type HealthCheck } from '@analytics/shared/health';
import type { Logger } from '@analytics/shared/logger';
import { createProblemHandler, handleUnknownRoute } from '@analytics/shared/problem';
import express, { type Express } from 'express';
import { createStatsController, type StatsControllerDeps } from './controllers/statsController.ts';
import { addStatsRoutes } from './routes/stats.route.ts';

export interface AppDeps extends StatsControllerDeps {
  /** What `/readyz` asks, by the dependency's name. */
  checks: Record<string, HealthCheck>;
  logger: Logger;
}

/** Builds the service without opening anything: what it needs comes in, what it answers is on the returned app. */
export function createApp({ checks, logger, ...deps }: AppDeps): Express {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  addStatsRoutes(app, createStatsController(deps));
  app.use(createHealthRouter(checks));
  app.use(handleUnknownRoute);
  app.use(createProblemHandler(logger));
  return app;
}
