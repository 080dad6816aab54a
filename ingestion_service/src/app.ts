import { addDescribedRoutes } from '@analytics/shared/http/openapi/openApiRouter';
import { createServiceApp, type ServiceAppDeps } from '@analytics/shared/http/serviceApp';
import type { Express } from 'express';
import { createEventController, type EventControllerDeps } from './controllers/eventController.ts';
import { allowErrorsAcrossOrigins } from './routes/cors.ts';
import { DESCRIPTION } from './routes/description.ts';
import { createEventRoutes } from './routes/event.route.ts';

export interface AppDeps extends EventControllerDeps, Omit<ServiceAppDeps, 'onRefused'> {
  /** The version of the service. */
  version: string;
}

/**
 * Builds the app of the service. Opens nothing: the caller passes the dependencies.
 */
export function createApp(deps: AppDeps): Express {
  const routes = createEventRoutes(createEventController(deps));
  const { version } = deps;
  return createServiceApp(deps, (app) => {
    addDescribedRoutes(app, routes, { ...DESCRIPTION, version });
    app.use(['/event', '/events'], allowErrorsAcrossOrigins);
  });
}
