import { createServiceApp, type ServiceAppDeps } from '@analytics/shared/http/serviceApp';
import type { Express } from 'express';
import { createEventController, type EventControllerDeps } from './controllers/eventController.ts';
import { addEventRoutes } from './routes/event.route.ts';

export interface AppDeps extends EventControllerDeps, Omit<ServiceAppDeps, 'onRefused'> {}

/**
 * Builds the app of the service. Opens nothing: the caller passes the dependencies.
 */
export function createApp(deps: AppDeps): Express {
  return createServiceApp(deps, (app) => addEventRoutes(app, createEventController(deps)));
}
