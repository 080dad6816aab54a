import { createMethodNotAllowedHandler } from '@analytics/shared/http/problem';
import type { Express } from 'express';
import type { StatsController } from '../controllers/statsController.ts';

/** Puts the routes on the app itself: a router of their own would be a second search for each request. */
export function addStatsRoutes(app: Express, controller: StatsController): void {
  const refuse = createMethodNotAllowedHandler('GET, HEAD');
  app.route('/stats').get(controller.readSiteStats).all(refuse);
  app.route('/stats/timeseries').get(controller.readTimeseries).all(refuse);
  app.route('/stats/breakdown').get(controller.readBreakdown).all(refuse);
  app.route('/stats/compare').get(controller.readComparison).all(refuse);
  app.route('/stats/realtime').get(controller.readRealtime).all(refuse);
}
