import { useTestStack } from '@analytics/local-stack/testing/useTestStack';
import { expect, test } from 'vitest';
import { startService } from './startServices.ts';

const stack = useTestStack();

test.each(['ingestion_service', 'processor_service', 'reporting_service'])(
  '%s listens on the address of HOST only, and logs it',
  async (name) => {
    const { url, log } = await startService(name, stack, { HOST: '127.0.0.1' });

    expect((await fetch(`${url}/livez`)).status).toBe(200);
    await expect(fetch(`${url.replace('127.0.0.1', '[::1]')}/livez`)).rejects.toThrow('fetch failed');
    expect(log.find(({ port }) => port !== undefined)).toMatchObject({ host: '127.0.0.1' });
  },
);
