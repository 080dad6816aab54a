import { join } from 'node:path';
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

test('the Postman collection passes against the running services', { timeout: 60_000 }, async () => {
  const { run } = await runCollection();

  expect(run.failures.map(({ source, error }) => `${source?.name}: ${error.message}`)).toEqual([]);
  expect(run.stats.assertions.total).toBeGreaterThanOrEqual(123);
});
