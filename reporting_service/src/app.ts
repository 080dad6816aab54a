import { createServiceApp, type ServiceAppDeps } from '@analytics/shared/http/serviceApp';
import type { Express } from 'express';
import { addStatsRoutes, createStatsRoutes, type StatsRouteDeps } from './routes/stats.route.ts';

export interface AppDeps extends StatsRouteDeps, ServiceAppDeps {}

/** Builds the service without opening anything: the caller opens what it depends on. */
export function createApp(deps: AppDeps): Express {
  return createServiceApp(deps, (app) => addStatsRoutes(app, createStatsRoutes(deps)));
}
