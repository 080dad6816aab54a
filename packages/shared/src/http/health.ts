import { Router } from 'express';
import { createMethodNotAllowedHandler } from './problem.ts';

/** The line of a dependency in `/readyz`, without its name. */
export interface DependencyHealth {
  status: 'up' | 'down';
  /** Why it is down. */
  reason?: string;
  /** Problems of a dependency that is up. */
  warnings?: string[];
}

/** Returns the health of a dependency without waiting. */
export type HealthCheck = () => DependencyHealth;

/** `GET /livez`: 200 while the process is running. */
export function createLivenessRouter(): Router {
  const router = Router();
  router
    .route('/livez')
    .get((_request, response) => {
      response.set('Cache-Control', 'no-store').type('application/json').send('{"status":"up"}\n');
    })
    .all(createMethodNotAllowedHandler('GET, HEAD'));
  return router;
}

/**
 * `GET /livez`, and `GET /readyz`: 200 if every dependency is up, else 503, with one line of JSON for each:
 * `{dependency, status, reason?, warnings?}`.
 */
export function createHealthRouter(checks: Record<string, HealthCheck>): Router {
  const router = createLivenessRouter();
  router
    .route('/readyz')
    .get((_request, response) => {
      const lines = Object.entries(checks).map(([dependency, check]) => ({ dependency, ...check() }));
      const isReady = lines.every(({ status }) => status === 'up');
      response
        .status(isReady ? 200 : 503)
        .set('Cache-Control', 'no-store')
        .type('application/x-ndjson')
        .send(lines.map((line) => `${JSON.stringify(line)}\n`).join(''));
    })
    .all(createMethodNotAllowedHandler('GET, HEAD'));
  return router;
}
