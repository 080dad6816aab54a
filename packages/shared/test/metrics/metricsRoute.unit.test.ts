import request from 'supertest';
import { expect, test } from 'vitest';
import { ProblemError } from '../../src/http/problem.ts';
import { createServiceApp } from '../../src/http/serviceApp.ts';
import { createMetrics } from '../../src/metrics/metrics.ts';
import { chooseFormat } from '../../src/metrics/metricsRoute.ts';

function createApp() {
  const deps = { checks: {}, metrics: createMetrics(), logger: { error: () => {} } };
  return createServiceApp(deps, (app) => {
    app.get('/ok', (_request, response) => void response.send('ok'));
    app.get('/plain', (_request, response) => void response.writeHead(202).end());
    app.get('/away', () => {
      throw new ProblemError(503, 'away');
    });
    app.get('/bug', () => {
      throw new Error('a bug');
    });
  });
}

/** What Prometheus 3 sends. */
const PROMETHEUS =
  'application/openmetrics-text;version=1.0.0;escaping=allow-utf-8;q=0.6,application/openmetrics-text;version=0.0.1;q=0.5,text/plain;version=1.0.0;escaping=allow-utf-8;q=0.4,text/plain;version=0.0.4;q=0.3,*/*;q=0.2';

test.each([
  [PROMETHEUS, 'openmetrics'],
  ['application/openmetrics-text', 'openmetrics'],
  ['APPLICATION/OpenMetrics-Text; Q=1', 'openmetrics'],
  ['text/plain;version=0.0.4;q=0.9, application/openmetrics-text;q=0.5', 'text'],
  ['application/openmetrics-text;q=0', 'text'],
  ['application/openmetrics-text;q=x', 'text'],
  ['text/html,*/*;q=0.8', 'text'],
  ['', 'text'],
])('for Accept: %s the format is %s', (accept, format) => {
  expect(chooseFormat(accept)).toBe(format);
});

test('/metrics answers in the format that the client prefers', async () => {
  const app = createApp();
  const text = await request(app).get('/metrics');
  const openMetrics = await request(app).get('/metrics').set('Accept', PROMETHEUS).buffer(true);

  expect([text, openMetrics].map(({ status, headers }) => [status, headers['content-type']])).toEqual([
    [200, 'text/plain; version=0.0.4; charset=utf-8'],
    [200, 'application/openmetrics-text; version=1.0.0; charset=utf-8'],
  ]);
  expect(text.headers['cache-control']).toBe('no-store');
  expect((await request(app).post('/metrics')).status).toBe(405);
});

test('each response is counted once in the class of its status', async () => {
  const app = createApp();
  for (const path of ['/ok', '/plain', '/away', '/bug', '/unknown', '/metrics']) {
    await request(app).get(path);
  }
  const { text } = await request(app).get('/metrics');

  expect(text.split('\n').filter((line) => line.startsWith('analytics_http'))).toEqual([
    'analytics_http_responses_total{status_class="1xx"} 0',
    'analytics_http_responses_total{status_class="2xx"} 3',
    'analytics_http_responses_total{status_class="3xx"} 0',
    'analytics_http_responses_total{status_class="4xx"} 1',
    'analytics_http_responses_total{status_class="5xx"} 2',
  ]);
});
