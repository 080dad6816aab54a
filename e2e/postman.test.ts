import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { createAnswerValidator } from '@analytics/local-stack/testing/answerValidator';
import { fetchOpenApi } from '@analytics/local-stack/testing/checkedFetch';
import { useTestStack } from '@analytics/local-stack/testing/useTestStack';
import { waitUntil } from '@analytics/local-stack/testing/waitUntil';
import newman, { type NewmanRunSummary } from 'newman';
import { expect, test } from 'vitest';
import { startServices, waitUntilReady } from './startServices.ts';

const stack = useTestStack();
const services = await startServices(stack);
await waitUntilReady(services);
const { ingestion, reporting } = services;
const folder = join(import.meta.dirname, '../postman');
const adminKey = await addAdminKey();
await waitUntil(async () => {
  const response = await fetch(`${reporting.url}/api/sites`, { headers: { 'X-Api-Key': adminKey } });
  return response.status === 200;
});

async function addAdminKey(): Promise<string> {
  const command = join(import.meta.dirname, '../processor_service/dist/bin/sites.js');
  const args = [command, 'key', 'add', '--kind', 'admin', '--label', 'postman', '--json'];
  const env = { PATH: process.env['PATH'], MONGO_URI: stack.MONGO_URI };
  const { stdout } = await promisify(execFile)(process.execPath, args, { env });
  return (JSON.parse(stdout) as { key: string }).key;
}

function runCollection(): Promise<NewmanRunSummary> {
  return new Promise((resolve, reject) => {
    newman.run(
      {
        collection: join(folder, 'analytics-backend.postman_collection.json'),
        environment: join(folder, 'local.postman_environment.json'),
        envVar: [
          { key: 'ingestion_url', value: ingestion.url },
          { key: 'reporting_url', value: reporting.url },
          { key: 'admin_key', value: adminKey },
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

    const asked = answers.map(({ method, path }) => `${method.toLowerCase()} ${path}`);
    const described = Object.entries(document.paths).flatMap(([path, operations]) =>
      Object.keys(operations).map((method) => `${method} ${path}`),
    );
    const isAsked = (route: string) => {
      const pattern = new RegExp(`^${route.replaceAll('.', '\\.').replaceAll(/\{\w+\}/g, '[^/]+')}$`);
      return asked.some((each) => pattern.test(each));
    };
    expect(described.filter((route) => !isAsked(route))).toEqual([]);
  }
});
