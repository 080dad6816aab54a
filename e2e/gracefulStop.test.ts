import { once } from 'node:events';
import { Agent, type RequestOptions, request } from 'node:http';
import { text } from 'node:stream/consumers';
import { useTestStack } from '@analytics/local-stack/testing/useTestStack';
import { waitUntil } from '@analytics/local-stack/testing/waitUntil';
import { expect, test } from 'vitest';
import { type ServiceProcess, startService, startServices, waitUntilReady } from './startServices.ts';

const stack = useTestStack();
const CONNECTIONS = 24;
const EVENT = JSON.stringify({
  site_id: 's',
  event_type: 'page_view',
  path: '/',
  timestamp: '2025-11-12T19:30:01Z',
});
const POST_EVENT = {
  method: 'POST',
  path: '/event',
  headers: { 'Content-Type': 'application/json', 'Content-Length': String(EVENT.length) },
};

/** Sends one request after another on each of 24 keep-alive connections, and each until its first failure. */
function startLoad({ url }: ServiceProcess, options: RequestOptions, body = '') {
  const agent = new Agent({ keepAlive: true, maxSockets: CONNECTIONS });
  const counts = new Map<number | string, number>();
  const send = async () => {
    const sent = request(url, { ...options, agent });
    sent.end(body);
    const [response] = await once(sent, 'response');
    await text(response);
    return response.statusCode as number;
  };
  const sendUntilFailure = async () => {
    for (let isFailed = false; !isFailed; ) {
      const outcome = await send().catch((error: NodeJS.ErrnoException) => error.code ?? error.message);
      counts.set(outcome, (counts.get(outcome) ?? 0) + 1);
      isFailed = typeof outcome === 'string';
    }
  };
  const ended = Promise.all(Array.from({ length: CONNECTIONS }, sendUntilFailure));
  return { counts, ended };
}

test('no request on an open connection is lost when a service stops under load', {
  timeout: 60_000,
}, async () => {
  const services = [
    ['ingestion_service', POST_EVENT, EVENT],
    ['reporting_service', { path: '/stats?site_id=s' }, ''],
    ['processor_service', { path: '/readyz' }, ''],
  ] as const;

  const outcomes = await Promise.all(
    services.map(async ([name, options, body]) => {
      const service = await startService(name, stack);
      await waitUntil(async () => (await fetch(`${service.url}/readyz`)).status === 200);
      const { counts, ended } = startLoad(service, options, body);
      await waitUntil(() => (counts.get(200) ?? 0) + (counts.get(202) ?? 0) > 100);
      const exitCode = await service.stop();
      await ended;
      return { exitCode, failures: [...counts].filter(([outcome]) => typeof outcome === 'string') };
    }),
  );

  expect(outcomes).toEqual(services.map(() => ({ exitCode: 0, failures: [['ECONNREFUSED', CONNECTIONS]] })));
});

test('after SIGTERM a service is not ready, but still answers for SHUTDOWN_DRAIN_SECONDS', async () => {
  const services = await startServices(stack, { SHUTDOWN_DRAIN_SECONDS: '3' });
  await waitUntilReady(services);
  const all = Object.values(services);
  const signalledAt = performance.now();
  const stopped = all.map((service) => service.stop());

  for (const { url } of all) {
    const readiness = await waitUntil(
      async () => (await fetch(`${url}/readyz`)).text(),
      (lines) => lines.includes('"down"'),
    );
    expect(readiness).toContain('{"dependency":"process","status":"down","reason":"stopping"}\n');
    expect((await fetch(`${url}/readyz`)).status).toBe(503);
    expect((await fetch(`${url}/livez`)).status).toBe(200);
  }
  const posted = await fetch(`${services.ingestion.url}/event`, { ...POST_EVENT, body: EVENT });
  const reported = await fetch(`${services.reporting.url}/stats?site_id=s`);

  expect([posted.status, reported.status]).toEqual([202, 200]);
  expect(await Promise.all(stopped)).toEqual([0, 0, 0]);
  expect(performance.now() - signalledAt).toBeGreaterThan(3000);
});
