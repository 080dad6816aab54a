import { findFreePort } from '@analytics/local-stack/freePort';
import { useTestStack } from '@analytics/local-stack/testing/useTestStack';
import { waitUntil } from '@analytics/local-stack/testing/waitUntil';
import { expect, test } from 'vitest';
import { startService } from './startServices.ts';

const stack = useTestStack();
const [redisPort, mongoPort] = [await findFreePort(), await findFreePort()];
const away = { ...stack, REDIS_PORT: redisPort, MONGO_URI: `mongodb://127.0.0.1:${mongoPort}/x` };

const services: [name: string, entry: string, settings: typeof stack][] = [
  ['ingestion_service', 'server', away],
  ['processor_service', 'worker', away],
  ['processor_service', 'worker', { ...stack, REDIS_PORT: redisPort }],
  ['reporting_service', 'server', away],
];

test.each(services)(
  '%s ends with 0 at once while what it needs was never there',
  async (name, entry, settings) => {
    const service = await startService(name, entry, settings);
    await waitUntil(() => service.log.some(({ msg }) => / is away: .*ECONNREFUSED/.test(String(msg))));
    const startedAt = Date.now();

    expect(await service.stop()).toBe(0);
    expect(Date.now() - startedAt).toBeLessThan(5000);
  },
);
