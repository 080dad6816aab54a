import { findFreePort } from '@analytics/local-stack/freePort';
import { useTestStack } from '@analytics/local-stack/testing/useTestStack';
import { waitUntil } from '@analytics/local-stack/testing/waitUntil';
import { expect, test } from 'vitest';
import { startService } from './startServices.ts';

const stack = useTestStack();
const PATHS = ['/livez', '/readyz', '/metrics'];

async function readStatuses(url: string): Promise<number[]> {
  const responses = await Promise.all(PATHS.map((path) => fetch(url + path)));
  await Promise.all(responses.map((response) => response.body?.cancel()));
  return responses.map(({ status }) => status);
}

test.each(['ingestion_service', 'processor_service', 'reporting_service'])(
  '%s has health and metrics on its own port, or only on OPERATIONS_PORT',
  async (name) => {
    const port = await findFreePort();
    const [together, apart] = await Promise.all([
      startService(name, stack),
      startService(name, stack, { OPERATIONS_PORT: String(port) }),
    ]);
    const operations = `http://127.0.0.1:${port}`;
    await waitUntil(async () => (await readStatuses(together.url))[1] === 200);
    await waitUntil(async () => (await readStatuses(operations))[1] === 200);

    expect(await readStatuses(together.url)).toEqual([200, 200, 200]);
    expect(await readStatuses(apart.url)).toEqual([200, 404, 404]);
    expect(await readStatuses(operations)).toEqual([200, 200, 200]);
    expect(apart.log.find(({ msg }) => msg === 'listening')?.['operations_port']).toBe(port);
    expect(await Promise.all([together.stop(), apart.stop()])).toEqual([0, 0]);
  },
);
