import type { ErrorRequestHandler, RequestHandler } from 'express';
import { CORS_HEADERS } from '../utils/corsHeaders.ts';
import { withRefusal } from '../utils/refusal.ts';

const PREFLIGHT_HEADERS = {
  ...CORS_HEADERS,
  'Access-Control-Allow-Methods': 'POST',
  'Access-Control-Allow-Headers': 'Authorization, Content-Encoding, Content-Type, X-Api-Key',
  // A day. Browsers have limits of their own; Chromium's is two hours.
  'Access-Control-Max-Age': '86400',
  Allow: 'OPTIONS, POST',
};

/** Answers `OPTIONS`: with it, a browser asks before it sends a body that a form could not send. */
export const answerPreflight: RequestHandler = (_request, response) => {
  response.writeHead(204, PREFLIGHT_HEADERS).end();
};

/** Lets pages read why their event was not accepted, and counts those whose sender may not write. */
export const allowErrorsAcrossOrigins: ErrorRequestHandler = (error, _request, response, next) => {
  response.set(CORS_HEADERS);
  next(withRefusal(error));
};
