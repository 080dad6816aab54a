import { createServiceApp, type ServiceAppDeps } from '@analytics/shared/http/serviceApp';
import type { Express } from 'express';
import { createSitesController, type SitesControllerDeps } from './controllers/sitesController.ts';
import { addSitesRoutes } from './routes/sites.route.ts';
import { addStatsRoutes, createStatsRoutes, type StatsRouteDeps } from './routes/stats.route.ts';

export interface AppDeps extends Omit<StatsRouteDeps, 'access'>, SitesControllerDeps, ServiceAppDeps {
  access: StatsRouteDeps['access'] & SitesControllerDeps['access'];
}

/** Builds the service without opening anything: the caller opens what it depends on. */
export function createApp(deps: AppDeps): Express {
  return createServiceApp(deps, (app) => {
    addStatsRoutes(app, createStatsRoutes(deps));
    addSitesRoutes(app, createSitesController(deps));
  });
}
