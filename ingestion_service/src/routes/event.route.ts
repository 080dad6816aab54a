import { createMethodNotAllowedHandler } from '@analytics/shared/http/problem';
import type { Express } from 'express';
import type { EventController } from '../controllers/eventController.ts';
import { allowErrorsAcrossOrigins, answerPreflight } from './cors.ts';

/** Puts the routes on the app itself: a router of their own would be a second search for each request. */
export function addEventRoutes(app: Express, { postEvent, postEvents }: EventController): void {
  const refuse = createMethodNotAllowedHandler('POST, OPTIONS');
  app.route('/event').post(postEvent).options(answerPreflight).all(refuse);
  app.route('/events').post(postEvents).options(answerPreflight).all(refuse);
  app.use(['/event', '/events'], allowErrorsAcrossOrigins);
}
