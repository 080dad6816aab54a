import { addDescribedRoutes } from '@analytics/shared/http/openapi/openApiRouter';
import { createServiceApp, type ServiceAppDeps } from '@analytics/shared/http/serviceApp';
import type { Express } from 'express';
import { DESCRIPTION } from './routes/description.ts';
import { createStatsRoutes, type StatsRouteDeps } from './routes/stats.route.ts';

export interface AppDeps extends StatsRouteDeps, ServiceAppDeps {
  /** The version of the service. */
  version: string;
}

/** Builds the service without opening anything: the caller opens what it depends on. */
export function createApp(deps: AppDeps): Express {
  const routes = createStatsRoutes(deps);
  const { version } = deps;
  return createServiceApp(deps, (app) => addDescribedRoutes(app, routes, { ...DESCRIPTION, version }));
}
