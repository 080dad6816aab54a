import { createMethodNotAllowedHandler, ProblemError } from '@analytics/shared/http/problem';
import express, { type ErrorRequestHandler, type Express } from 'express';
import type { SitesController } from '../controllers/sitesController.ts';

const BODY_LIMIT_BYTES = 64 * 1024;

/** The routes that administer sites and keys. */
export function addSitesRoutes(app: Express, controller: SitesController): void {
  app.use('/api', express.json({ limit: BODY_LIMIT_BYTES }));
  app
    .route('/api/sites')
    .get(controller.listSites)
    .post(controller.addSite)
    .all(createMethodNotAllowedHandler('GET, HEAD, POST'));
  app
    .route('/api/sites/:id')
    .get(controller.getSite)
    .patch(controller.changeSite)
    .delete(controller.removeSite)
    .all(createMethodNotAllowedHandler('GET, HEAD, PATCH, DELETE'));
  app
    .route('/api/keys')
    .get(controller.listKeys)
    .post(controller.addKey)
    .all(createMethodNotAllowedHandler('GET, HEAD, POST'));
  app.route('/api/keys/:id').delete(controller.revokeKey).all(createMethodNotAllowedHandler('DELETE'));
  app.use('/api', explainBodyError);
}

/** body-parser's errors have a status and a message of their own. */
const explainBodyError: ErrorRequestHandler = (error, _request, _response, next) => {
  const { status, type } = error as { status?: number; type?: string };
  if (error instanceof ProblemError || status === undefined || status >= 500) {
    next(error);
  } else if (type === 'entity.too.large') {
    next(new ProblemError(413, `The body must have at most ${BODY_LIMIT_BYTES} bytes, uncompressed.`));
  } else {
    next(new ProblemError(status, 'The body must be valid JSON.', { cause: error }));
  }
};
