import { createMethodNotAllowedHandler } from '@analytics/shared/http/problem';
import type { Express } from 'express';
import type { EventController } from '../controllers/eventController.ts';

/** Puts the routes on the app itself: a router of their own would be a second search for each request. */
export function addEventRoutes(app: Express, { postEvent, postEvents }: EventController): void {
  app.route('/event').post(postEvent).all(createMethodNotAllowedHandler('POST'));
  app.route('/events').post(postEvents).all(createMethodNotAllowedHandler('POST'));
}
