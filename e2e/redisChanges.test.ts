import { findFreePort } from '@analytics/local-stack/freePort';
import { startOwnRedis } from '@analytics/local-stack/testing/ownServers';
import { useTestStack } from '@analytics/local-stack/testing/useTestStack';
import { waitUntil } from '@analytics/local-stack/testing/waitUntil';
import { Redis } from 'ioredis';
import { expect, test } from 'vitest';
import { createClient } from './client.ts';
import { startTcpProxy } from './faults/harness/tcpProxy.ts';
import { type ServiceProcess, startServices, waitUntilReady } from './startServices.ts';

/** How soon events are accepted again once there is a primary. */
const USABLE_AGAIN_MS = 10_000;

const stack = useTestStack();
const [first, second] = await Promise.all([startOwnRedis(), startOwnRedis()]);
stack.register(() => Promise.all([first.remove(), second.remove()]));
const proxy = await startTcpProxy(first.port);
stack.register(() => proxy.close());
const [admin, secondAdmin] = [new Redis(first.port), new Redis(second.port)];
stack.register(() => Promise.all([admin.quit(), secondAdmin.quit()]));
// As in a pod of a Kubernetes namespace that has a service `redis` and a service `ingestion`.
const services = await startServices(stack, {
  REDIS_PORT: `tcp://127.0.0.1:${proxy.port}`,
  INGESTION_PORT: 'tcp://10.96.0.13:80',
});
await waitUntilReady(services);
const { postEvent, getStats } = createClient(services);

function createEvent(site_id: string) {
  return { site_id, event_type: 'page_view', path: '/', timestamp: '2025-11-12T19:30:01Z' };
}

async function readRedisHealth({ url }: ServiceProcess): Promise<{ status: number; reason: string }> {
  const response = await fetch(`${url}/readyz`);
  const lines = (await response.text())
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
  return { status: response.status, reason: lines.find(({ dependency }) => dependency === 'redis').reason };
}

/** Posts until an event is accepted, and until it is in the reports. */
async function expectEventsAgain(site_id: string): Promise<void> {
  await waitUntil(
    async () => (await postEvent(createEvent(site_id))).status === 202,
    Boolean,
    USABLE_AGAIN_MS,
  );
  await waitUntil(async () => (await getStats(site_id)).total_views === 1);
  await waitUntilReady(services);
}

test('of the addresses that Kubernetes sets in the environment, only that of Redis is used', () => {
  // The services are ready, so they have found their Redis.
  expect(services.ingestion.log[0]).toMatchObject({
    level: 40,
    msg: expect.stringMatching(/^INGESTION_PORT is the address of a Kubernetes service and not a port/),
  });
  expect(new URL(services.ingestion.url).port).not.toBe('80');
});

test('while Redis is a replica, /readyz reports it and events are refused; after a promotion, events and jobs are processed again', async () => {
  // A replica of a server that is not there keeps its data.
  await admin.replicaof('127.0.0.1', await findFreePort());
  const healths = await Promise.all(
    [services.ingestion, services.processor].map((service) =>
      waitUntil(
        () => readRedisHealth(service),
        ({ status }) => status === 503,
      ),
    ),
  );
  const refused = await postEvent(createEvent('refused'));
  await admin.replicaof('NO', 'ONE');
  await expectEventsAgain('accepted');

  const reason = expect.stringMatching(
    /^it is a read-only replica\. Set REDIS_HOST and REDIS_PORT, or REDIS_URL/,
  );
  expect(healths).toEqual([
    { status: 503, reason },
    { status: 503, reason },
  ]);
  expect(refused.status).toBe(503);
});

test('after a failover to a new primary, all services use it, even if the old one continues as a replica', async () => {
  proxy.leadTo(second.port);
  await admin.replicaof('127.0.0.1', second.port);
  await expectEventsAgain('moved');

  const addresses = (await secondAdmin.client('LIST')) as string;
  const blocked = addresses.split('\n').filter((line) => /cmd=bzpopmin/.test(line));
  expect(blocked.length).toBeGreaterThan(0);
});

test('services stop immediately while Redis is a replica', async () => {
  await secondAdmin.replicaof('127.0.0.1', await findFreePort());
  await waitUntil(async () => (await readRedisHealth(services.processor)).status === 503);
  const startedMs = performance.now();

  const codes = await Promise.all(Object.values(services).map(({ stop }) => stop()));

  expect(codes).toEqual([0, 0, 0]);
  expect(performance.now() - startedMs).toBeLessThan(5000);
});
