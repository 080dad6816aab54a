import { addDescribedRoutes } from '@analytics/shared/http/openapi/openApiRouter';
import { createServiceApp, type ServiceAppDeps } from '@analytics/shared/http/serviceApp';
import type { Express } from 'express';
import { createSitesController, type SitesControllerDeps } from './controllers/sitesController.ts';
import { DESCRIPTION } from './routes/description.ts';
import { createSitesRoutes, parseJsonBodies } from './routes/sites.route.ts';
import { createStatsRoutes, type StatsRouteDeps } from './routes/stats.route.ts';

export interface AppDeps extends Omit<StatsRouteDeps, 'access'>, SitesControllerDeps, ServiceAppDeps {
  access: StatsRouteDeps['access'] & SitesControllerDeps['access'];
  /** The version of the service. */
  version: string;
}

/** Builds the service without opening anything: the caller opens what it depends on. */
export function createApp(deps: AppDeps): Express {
  const routes = [...createStatsRoutes(deps), ...createSitesRoutes(createSitesController(deps))];
  const { version } = deps;
  return createServiceApp(deps, (app) => {
    parseJsonBodies(app);
    addDescribedRoutes(app, routes, { ...DESCRIPTION, version });
  });
}
