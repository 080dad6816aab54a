import { Router } from 'express';
import { createMethodNotAllowedHandler } from './problem.ts';

/** Asks a dependency for a sign of life; rejects, or does not answer, if there is none. */
export type HealthCheck = () => Promise<unknown>;

/** A dependency that has not answered by then is away. */
const CHECK_TIMEOUT_MS = 1000;

/**
 * `GET /livez`: 200 while the process turns. `GET /readyz`: asks every dependency, answers 200 if all answer within a second
 * and 503 otherwise; one line of JSON each, `{dependency, status: 'up'|'down', duration_ms, reason?}`.
 */
export function createHealthRouter(checks: Record<string, HealthCheck>): Router {
  const router = Router();
  router
    .route('/livez')
    .get((_request, response) => {
      response.type('application/json').send('{"status":"up"}\n');
    })
    .all(createMethodNotAllowedHandler('GET, HEAD'));
  router
    .route('/readyz')
    .get(async (_request, response) => {
      const results = await Promise.all(Object.entries(checks).map(runCheck));
      const isReady = results.every(({ status }) => status === 'up');
      response
        .status(isReady ? 200 : 503)
        .type('application/x-ndjson')
        .send(results.map((result) => `${JSON.stringify(result)}\n`).join(''));
    })
    .all(createMethodNotAllowedHandler('GET, HEAD'));
  return router;
}

async function runCheck([dependency, check]: [string, HealthCheck]) {
  const startedAt = performance.now();
  const reason = await findFailure(check);
  const duration_ms = Math.round(performance.now() - startedAt);
  return { dependency, status: reason === undefined ? 'up' : 'down', duration_ms, reason };
}

async function findFailure(check: HealthCheck): Promise<string | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const timedOut = new Promise<string>((resolve) => {
    timer = setTimeout(resolve, CHECK_TIMEOUT_MS, `no answer within ${CHECK_TIMEOUT_MS} ms`);
  });
  const answered = check().then(
    () => undefined,
    (error: Error) => error.message || error.name,
  );
  const reason = await Promise.race([answered, timedOut]);
  clearTimeout(timer);
  return reason;
}
