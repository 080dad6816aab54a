import { createHealthRouter, type HealthCheck } from '@analytics/shared/health';
import type { Logger } from '@analytics/shared/logger';
import { createProblemHandler, handleUnknownRoute } from '@analytics/shared/problem';
import express, { type Express } from 'express';
import { createEventController, type EventControllerDeps } from './controllers/eventController.ts';
import { addEventRoutes } from './routes/event.route.ts';

export interface AppDeps extends EventControllerDeps {
  /** What `/readyz` asks, by the dependency's name. */
  checks: Record<string, HealthCheck>;
  logger: Logger;
}

/** Builds the service without opening anything: what it needs comes in, what it answers is on the returned app. */
export function createApp({ checks, logger, ...deps }: AppDeps): Express {
  const app = express();
  app.disable('x-powered-by');
  app.disable('etag');
  addEventRoutes(app, createEventController(deps));
  app.use(createHealthRouter(checks));
  app.use(handleUnknownRoute);
  app.use(createProblemHandler(logger));
  return app;
}
