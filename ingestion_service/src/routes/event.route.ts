import { createMethodNotAllowedHandler } from '@analytics/shared/problem';
import { Router } from 'express';
import type { EventController } from '../controllers/eventController.ts';

export function createEventRouter({ postEvent, postEvents }: EventController): Router {
  const router = Router();
  router.route('/event').post(postEvent).all(createMethodNotAllowedHandler('POST'));
  router.route('/events').post(postEvents).all(createMethodNotAllowedHandler('POST'));
  return router;
}
