import { createServiceApp, type ServiceAppDeps } from '@analytics/shared/http/serviceApp';
import type { Express } from 'express';
import { createStatsController, type StatsControllerDeps } from './controllers/statsController.ts';
import { addStatsRoutes } from './routes/stats.route.ts';

export interface AppDeps extends StatsControllerDeps, ServiceAppDeps {}

/**
 * Builds the service without opening anything: what it needs comes in, what it answers is on the returned
 * app.
 */
export function createApp(deps: AppDeps): Express {
  return createServiceApp(deps, (app) => addStatsRoutes(app, createStatsController(deps)));
}
