import type { TestStack } from '@analytics/local-stack/testing/useTestStack';
import { waitUntil } from '@analytics/local-stack/testing/waitUntil';
import { closeServer } from '@analytics/shared/http/closeServer';
import { createHttpServer, listen } from '@analytics/shared/http/httpServer';
import { beforeEach } from 'vitest';
import type { BodyBudget } from '../src/utils/bodyBudget.ts';
import { startApp } from './startApp.ts';

export const KIB = 1024;

const event = { site_id: 's', event_type: 'page_view', path: '/', timestamp: '2025-11-12T19:30:01Z' };
export const single = Buffer.from(JSON.stringify(event));
export const batch = Buffer.from(JSON.stringify({ events: [event, event] }));

export const routes: [path: string, body: Buffer, limitBytes: number][] = [
  ['/event', single, 64 * KIB],
  ['/events', batch, 512 * KIB],
];

/** JSON of exactly so many bytes. */
export const pad = (body: Buffer, bytes: number) =>
  Buffer.concat([body, Buffer.alloc(bytes - body.length, ' ')]);

/** Serves on a port, as `server.ts` does; before each test its queue is empty and it takes events. */
export async function startBodyServer(stack: TestStack, budget?: BodyBudget) {
  const { app, queue } = await startApp(stack, { bodyBudget: budget });
  const server = createHttpServer(app);
  const port = await listen(server, 0);
  stack.register(() => closeServer(server, { graceMs: 0 }));
  const url = `http://127.0.0.1:${port}`;
  beforeEach(async () => {
    await queue.drain();
    await waitUntil(async () => (await fetch(`${url}/readyz`)).status === 200);
  });

  function post(path: string, body: Buffer, headers: Record<string, string> = {}) {
    return fetch(url + path, {
      method: 'POST',
      headers: { 'Content-Type': 'application/json', ...headers },
      body: new Uint8Array(body),
    });
  }

  return { queue, port, post };
}
