import { Router } from 'express';
import { createMethodNotAllowedHandler } from './problem.ts';

/** What a dependency's line in `/readyz` says beside its name. */
export interface DependencyHealth {
  status: 'up' | 'down';
  /** Why it is down. */
  reason?: string;
  /** What a person should know of it although it is up. */
  warnings?: string[];
}

/** Tells how a dependency is, without waiting for it. */
export type HealthCheck = () => DependencyHealth;

/**
 * `GET /livez`: 200 while the process turns. `GET /readyz`: 200 if every dependency is up and 503 otherwise;
 * one line of JSON each, `{dependency, status, reason?, warnings?}`.
 */
export function createHealthRouter(checks: Record<string, HealthCheck>): Router {
  const router = Router();
  router
    .route('/livez')
    .get((_request, response) => {
      response.set('Cache-Control', 'no-store').type('application/json').send('{"status":"up"}\n');
    })
    .all(createMethodNotAllowedHandler('GET, HEAD'));
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
