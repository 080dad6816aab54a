import { join } from 'node:path';
import { createAnswerValidator } from '@analytics/local-stack/testing/answerValidator';
import { fetchOpenApi } from '@analytics/local-stack/testing/checkedFetch';
import { useTestStack } from '@analytics/local-stack/testing/useTestStack';
import newman, { type NewmanRunSummary } from 'newman';
import { expect, test } from 'vitest';
import { startServices, waitUntilReady } from './startServices.ts';

const stack = useTestStack();
const services = await startServices(stack);
await waitUntilReady(services);
const { ingestion, reporting } = services;
const folder = join(import.meta.dirname, '../postman');

function runCollection(): Promise<NewmanRunSummary> {
  return new Promise((resolve, reject) => {
    newman.run(
      {
        collection: join(folder, 'analytics-backend.postman_collection.json'),
        environment: join(folder, 'local.postman_environment.json'),
        envVar: [
          { key: 'ingestion_url', value: ingestion.url },
          { key: 'reporting_url', value: reporting.url },
        ],
      },
      (error, summary) => (error ? reject(error) : resolve(summary)),
    );
  });
}

test('the Postman collection passes against the running services and covers every route', {
  timeout: 60_000,
}, async () => {
  const { run } = await runCollection();

  expect(run.failures.map(({ source, error }) => `${source?.name}: ${error.message}`)).toEqual([]);
  expect(run.stats.assertions.total).toBeGreaterThanOrEqual(123);

  const received = run.executions.map(({ request, response }) => ({
    origin: `http://${request.url.getRemote()}`,
    method: request.method,
    path: request.url.getPath(),
    status: response.code,
    contentType: response.headers.get('content-type'),
    body: response.text() ?? '',
  }));
  for (const { url } of [ingestion, reporting]) {
    const document = await fetchOpenApi(url);
    const answers = received.filter(({ origin }) => origin === url);
    expect(answers.map(createAnswerValidator(document)).filter(Boolean)).toEqual([]);

    const asked = new Set(answers.map(({ method, path }) => `${method.toLowerCase()} ${path}`));
    const described = Object.entries(document.paths).flatMap(([path, operations]) =>
      Object.keys(operations).map((method) => `${method} ${path.replace('{file}', 'page.css')}`),
    );
    expect(described.filter((route) => !asked.has(route))).toEqual([]);
  }
});
