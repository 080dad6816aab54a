import { createMethodNotAllowedHandler } from '@analytics/shared/problem';
import type { Express, RequestHandler } from 'express';

/** Puts the routes on the app itself: a router of their own would be a second search for each request. */
export function addStatsRoutes(app: Express, getStats: RequestHandler): void {
  app.route('/stats').get(getStats).all(createMethodNotAllowedHandler('GET, HEAD'));
}
