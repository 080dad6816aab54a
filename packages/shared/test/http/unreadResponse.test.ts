import { once } from 'node:events';
import { connect } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { promisify } from 'node:util';
import { waitUntil } from '@analytics/local-stack/testing/waitUntil';
import express, { type RequestHandler } from 'express';
import { expect, onTestFinished, test } from 'vitest';
import { closeServer } from '../../src/http/closeServer.ts';
import { createHttpServer, listen } from '../../src/http/httpServer.ts';

const IDLE_MS = 200;

async function serve(handler: RequestHandler) {
  const timeouts = { headersMs: 10_000, requestMs: 10_000, unreadMs: IDLE_MS };
  const server = createHttpServer(express().use(handler), timeouts);
  const port = await listen(server, 0);
  onTestFinished(() => closeServer(server, { graceMs: 0 }));
  return { server, port };
}

async function request(port: number, bytes: string) {
  const socket = connect(port, '127.0.0.1').pause();
  onTestFinished(() => void socket.destroy());
  socket.on('error', () => {});
  await once(socket, 'connect');
  socket.write(bytes);
  return socket;
}

const GET = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n';

// More than the buffers of the system hold.
const long: [name: string, bytes: string, handler: RequestHandler][] = [
  ['a long response', GET, (_request, response) => void response.end(Buffer.alloc(32 * 1024 * 1024))],
  ['many responses', GET.repeat(64), (_request, response) => void response.end(Buffer.alloc(512 * 1024))],
];

test.each(long)('a client that does not read %s is disconnected', async (_name, bytes, handler) => {
  const { server, port } = await serve(handler);
  let requests = 0;
  server.on('request', () => {
    requests += 1;
  });

  await request(port, bytes);

  await waitUntil(() => requests > 0);
  await waitUntil(async () => (await promisify(server.getConnections.bind(server))()) === 0, undefined, 5000);
});

test('a response that takes long to compute arrives', async () => {
  const { port } = await serve(async (_request, response) => {
    // Slow work, for longer than an unread response would be kept.
    await delay(4 * IDLE_MS);
    response.end('done');
  });

  const socket = await request(port, GET.replace('\r\n\r\n', '\r\nConnection: close\r\n\r\n'));

  let text = '';
  for await (const chunk of socket) {
    text += chunk;
  }
  expect(text).toMatch(/^HTTP\/1.1 200 .*done$/s);
});
