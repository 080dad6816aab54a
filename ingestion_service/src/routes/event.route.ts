import { createMethodNotAllowedHandler } from '@analytics/shared/problem';
import { type RequestHandler, Router } from 'express';

export function createEventRouter(postEvent: RequestHandler): Router {
  const router = Router();
  router.route('/event').post(postEvent).all(createMethodNotAllowedHandler('POST'));
  return router;
}
