import { findFreePort } from '@analytics/local-stack/freePort';
import { useTestStack } from '@analytics/local-stack/testing/useTestStack';
import { waitUntil } from '@analytics/local-stack/testing/waitUntil';
import { expect, test } from 'vitest';
import { startService } from './startServices.ts';

const stack = useTestStack();
const [redisPort, mongoPort] = [await findFreePort(), await findFreePort()];
const away = { ...stack, REDIS_PORT: redisPort, MONGO_URI: `mongodb://127.0.0.1:${mongoPort}/x` };

const isAway = /is away: .*ECONNREFUSED/;

const services: [name: string, settings: typeof stack, lines: RegExp[]][] = [
  ['ingestion_service', away, [isAway]],
  ['processor_service', away, [isAway]],
  // It has begun all that it does, and waits for Redis in each part of it.
  ['processor_service', { ...stack, REDIS_PORT: redisPort }, [isAway, /^taking jobs off the queue$/]],
  ['reporting_service', away, [isAway]],
];

test.each(services)(
  '%s (%#) ends with 0 within two seconds while what it needs was never there',
  async (name, settings, lines) => {
    const service = await startService(name, settings);
    const hasLogged = (line: RegExp) => service.log.some(({ msg }) => line.test(String(msg)));
    await waitUntil(() => lines.every(hasLogged));
    const startedAt = Date.now();

    expect(await service.stop()).toBe(0);
    expect(Date.now() - startedAt).toBeLessThan(2000);
  },
);
