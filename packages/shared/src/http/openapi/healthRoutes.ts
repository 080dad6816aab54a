import { z } from 'zod';
import type { ApiRoute } from './apiRoute.ts';

export const HEALTH_TAG = 'Health';

/** A line of `/readyz`. */
export const dependencySchema = z.strictObject({
  dependency: z.string(),
  status: z.enum(['up', 'down']),
  reason: z.string().optional().describe('Why it is down.'),
  warnings: z.array(z.string()).optional().describe('Problems of a dependency that is up.'),
});

const lines = z.string().describe('One line of JSON for each dependency, of the schema `Dependency`.');

const READY = '{"dependency":"process","status":"up"}\n{"dependency":"redis","status":"up"}\n';
const NOT_READY =
  '{"dependency":"process","status":"up"}\n' +
  '{"dependency":"redis","status":"down","reason":"connect ECONNREFUSED 127.0.0.1:6379"}\n';

/** Describes the routes of `createHealthRouter` and `addMetricsRoute`. */
export const HEALTH_ROUTES: readonly ApiRoute[] = [
  {
    method: 'get',
    path: '/livez',
    operationId: 'getLiveness',
    tag: HEALTH_TAG,
    summary: 'Is the process running?',
    description: 'Depends on no other server. A supervisor restarts a service that does not answer.',
    answers: {
      200: { description: 'The process is running.', schema: z.strictObject({ status: z.literal('up') }) },
    },
  },
  {
    method: 'get',
    path: '/readyz',
    operationId: 'getReadiness',
    tag: HEALTH_TAG,
    summary: 'Can the service do its work?',
    description: 'A load balancer sends requests elsewhere while a service is not ready.',
    answers: {
      200: {
        description: 'Every dependency is up.',
        mediaType: 'application/x-ndjson',
        schema: lines,
        examples: { ready: READY },
      },
      503: {
        description: 'A dependency is down, or the service is about to stop.',
        mediaType: 'application/x-ndjson',
        schema: lines,
        examples: { redisIsDown: NOT_READY },
      },
    },
  },
  {
    method: 'get',
    path: '/metrics',
    operationId: 'getMetrics',
    tag: HEALTH_TAG,
    summary: 'Metrics',
    description:
      'All metrics of the process, in OpenMetrics or in the text format of Prometheus, by `Accept`.',
    answers: {
      200: {
        description: 'The metrics.',
        mediaType: ['text/plain', 'application/openmetrics-text'],
        schema: z.string(),
      },
    },
  },
];
