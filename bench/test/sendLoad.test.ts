import { once } from 'node:events';
import { createServer, type RequestListener, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { expect, onTestFinished, test } from 'vitest';
import { createEvents } from '../src/events.ts';
import { sendLoad } from '../src/sendLoad.ts';

async function startServer(listener: RequestListener): Promise<string> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  onTestFinished(() => void server.close());
  await once(server, 'listening');
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
}

function answer(response: ServerResponse, status: number, body = '{}'): void {
  response.writeHead(status, { 'Content-Length': body.length });
  response.end(body);
}

test('sends the events one after another and counts every answer by its status', async () => {
  const bodies: unknown[] = [];
  const answered = { 202: 0, 503: 0, 400: 0 };
  const statuses = [202, 503, 202, 400, 503] as const;
  const url = await startServer(async (request, response) => {
    bodies.push(JSON.parse(await text(request)));
    const status = statuses[bodies.length % statuses.length] ?? 202;
    answered[status] += 1;
    answer(response, status);
  });
  const load = { url: `${url}/event`, seconds: 0.3, connections: 1, eventsPerRequest: 1 };
  const result = await sendLoad(load);
  expect(bodies.slice(0, 20)).toEqual(createEvents(20));
  // The last request may be in flight at the end.
  const missing = bodies.length - (result.accepted + result.unavailable + result.otherErrors);
  expect([0, 1]).toContain(missing);
  expect(Math.abs(result.unavailable - answered[503])).toBeLessThanOrEqual(1);
  expect(Math.abs(result.otherErrors - answered[400])).toBeLessThanOrEqual(1);
  expect(result.socketErrors).toBe(0);
});

test('a batch has as many events as asked for', async () => {
  const sizes = new Set<number>();
  const url = await startServer(async (request, response) => {
    sizes.add(JSON.parse(await text(request)).events.length);
    answer(response, 202);
  });
  await sendLoad({ url: `${url}/events`, seconds: 0.2, connections: 2, eventsPerRequest: 100 });
  expect([...sizes]).toEqual([100]);
});

test('an answer in several chunks is one answer, and its latency ends with its last chunk', async () => {
  const url = await startServer((_request, response) => {
    response.writeHead(200, { 'Content-Length': 8 });
    response.write('four');
    setTimeout(() => response.end('four'), 20);
  });
  const result = await sendLoad({ url: `${url}/stats`, seconds: 0.5, connections: 1, eventsPerRequest: 0 });
  expect(result.p99Ms).toBeGreaterThan(18);
  expect(result.accepted).toBeGreaterThan(2);
  expect(result.accepted).toBeLessThan(27);
});

test('a reset connection is a socket error, and another one takes its place', async () => {
  let requests = 0;
  const url = await startServer((request, response) => {
    requests += 1;
    if (requests === 3) {
      request.socket.destroy();
    } else {
      answer(response, 200);
    }
  });
  const result = await sendLoad({ url: `${url}/`, seconds: 0.3, connections: 1, eventsPerRequest: 0 });
  expect(result.socketErrors).toBe(1);
  expect(result.accepted).toBeGreaterThan(3);
});
