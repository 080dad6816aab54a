import { createMethodNotAllowedHandler } from '@analytics/shared/problem';
import { type RequestHandler, Router } from 'express';

export function createStatsRouter(getStats: RequestHandler): Router {
  const router = Router();
  router.route('/stats').get(getStats).all(createMethodNotAllowedHandler('GET, HEAD'));
  return router;
}
