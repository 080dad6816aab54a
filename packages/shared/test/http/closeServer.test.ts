import { once } from 'node:events';
import { connectRaw } from '@analytics/local-stack/testing/rawClient';
import { waitUntil } from '@analytics/local-stack/testing/waitUntil';
import express, { type RequestHandler } from 'express';
import { expect, test } from 'vitest';
import { closeServer } from '../../src/http/closeServer.ts';
import { createHttpServer, listen } from '../../src/http/httpServer.ts';

const REQUEST = 'GET / HTTP/1.1\r\n\r\n';

async function serve(handler: RequestHandler = (_request, response) => void response.send('hello')) {
  const server = createHttpServer(express().use(handler));
  return { server, port: await listen(server, 0) };
}

/** Resolves with the answer to a request when its handler waits for `release`. */
async function serveOnRelease() {
  let release = () => {};
  const released = new Promise<void>((resolve) => {
    release = resolve;
  });
  return {
    release: () => release(),
    ...(await serve(async (_request, response) => {
      await released;
      response.send('hello');
    })),
  };
}

test('closing lets a running request finish and announces the end of its connection', async () => {
  const { server, port, release } = await serveOnRelease();
  const { socket, ended } = connectRaw(port);
  socket.write(REQUEST);
  await once(server, 'request');

  const closed = closeServer(server);
  await waitUntil(() => !server.listening);
  release();

  expect(await ended).toMatch(/^HTTP\/1\.1 200 OK\r\n(.+\r\n)*Connection: close\r\n(.+\r\n)+\r\nhello$/);
  await closed;
});

test('a request that arrives on an open connection while the server closes is answered', async () => {
  const { server, port } = await serve();
  const { socket, received, ended } = connectRaw(port);
  socket.write(REQUEST);
  await waitUntil(() => received().endsWith('hello'));

  const closed = closeServer(server);
  await waitUntil(() => !server.listening);
  socket.write(REQUEST);

  const [first, second] = (await ended).split('hello');
  expect(first).toMatch(/^HTTP\/1\.1 200 OK\r\n(.+\r\n)+Connection: keep-alive\r\n/);
  expect(second).toMatch(/^HTTP\/1\.1 200 OK\r\nConnection: close\r\n/);
  await closed;
});

test('a request whose headers are still arriving when the server closes is answered', async () => {
  const { server, port } = await serve();
  const { socket, ended } = connectRaw(port);
  await once(server, 'connection');

  const closed = closeServer(server);
  const bytes = [...REQUEST.slice(0, 10)];
  const sending = setInterval(() => socket.write(bytes.shift() ?? REQUEST.slice(10)), 60);

  expect(await ended).toMatch(/^HTTP\/1\.1 200 OK\r\n(.+\r\n)+\r\nhello$/);
  clearInterval(sending);
  await closed;
});

test('connections that wait for acceptance when the server closes are accepted and answered', async () => {
  const { server, port } = await serve();
  const clients = Array.from({ length: 50 }, () => connectRaw(port));
  // The system makes all the connections at once; the server accepts one in each turn of the event loop.
  await Promise.all(clients.map(({ socket }) => once(socket, 'connect')));

  const closed = closeServer(server);
  for (const { socket } of clients) {
    socket.write(REQUEST);
  }

  const answers = await Promise.all(clients.map(({ ended }) => ended));
  expect(answers.map((answer) => answer.slice(0, 15))).toEqual(Array(50).fill('HTTP/1.1 200 OK'));
  await closed;
});

test.each([
  ['never sent anything', ''],
  ['has its answer', REQUEST],
])('closing ends a connection that %s, without a reset and within a second', async (_name, bytes) => {
  const { server, port } = await serve();
  const { socket, received, ended } = connectRaw(port);
  socket.write(bytes);
  await waitUntil(() => (bytes === '' ? socket.readyState === 'open' : received().endsWith('hello')));
  const startedAt = performance.now();

  await closeServer(server, { quietChecks: 2 });

  expect(performance.now() - startedAt).toBeLessThan(1000);
  await ended;
});

test('closing cuts off a request that never ends', async () => {
  const { server, port } = await serve(() => {});
  const { socket, ended } = connectRaw(port);
  socket.write('POST / HTTP/1.1\r\nContent-Length: 10\r\n\r\nhalf');
  await once(server, 'request');

  await closeServer(server, { graceMs: 200 });

  expect(await ended.catch((error) => error.code)).toMatch(/^$|ECONNRESET/);
});
