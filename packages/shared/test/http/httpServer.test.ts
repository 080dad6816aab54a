import { once } from 'node:events';
import { createServer } from 'node:http';
import { connectRaw } from '@analytics/local-stack/testing/rawClient';
import { waitUntil } from '@analytics/local-stack/testing/waitUntil';
import express from 'express';
import { expect, onTestFinished, test } from 'vitest';
import { closeServer } from '../../src/http/closeServer.ts';
import { createHttpServer, listen } from '../../src/http/httpServer.ts';
import { ProblemError } from '../../src/http/problem.ts';
import { answerHello, serveHandler } from './serveHandler.ts';

test("requests and responses are created with the app's prototypes, so Express changes no prototype", async () => {
  const { app, server, port } = await serveHandler(answerHello);
  const born: object[] = [];
  server.prependListener('request', (request, response) => {
    born.push(Object.getPrototypeOf(request), Object.getPrototypeOf(response));
  });

  await fetch(`http://127.0.0.1:${port}/`);

  expect(born[0]).toBe(app.request);
  expect(born[1]).toBe(app.response);
});

test('an app answers the same on this server as on one of its own', async () => {
  const app = express().use((request, response) => {
    response
      .cookie('seen', '1')
      .status(201)
      .json({ ip: request.ip, query: request.query, host: request.hostname });
  });
  const servers = [createHttpServer(app), createServer(app)];
  onTestFinished(() => {
    for (const server of servers) {
      server.close();
      server.closeAllConnections();
    }
  });

  const [answer, ownAnswer] = await Promise.all(
    servers.map(async (server) => {
      const response = await fetch(`http://localhost:${await listen(server, 0)}/x?a=1`);
      const { date: _, ...headers } = Object.fromEntries(response.headers);
      return {
        status: response.status,
        headers: { ...headers, 'keep-alive': '' },
        body: await response.text(),
      };
    }),
  );

  expect(answer).toEqual(ownAnswer);
});

const CLOSE = 'Connection: close\r\n';
const headerBytes = (bytes: number) => `Cookie: ${'c'.repeat(bytes - 'Cookie: \r\n'.length)}\r\n`;

const oddRequests: [name: string, bytes: string, status: number][] = [
  ['that is not HTTP', 'this is not HTTP\r\n\r\n', 400],
  ['with two lengths', `POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab`, 400],
  [
    'with a length and chunks',
    `POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n`,
    400,
  ],
  ['without a Host header', `GET / HTTP/1.1\r\n${CLOSE}\r\n`, 404],
  ['with an expectation of its own', `GET / HTTP/1.1\r\nExpect: foo\r\n${CLOSE}\r\n`, 404],
  ['with headers of 32 KiB', `GET / HTTP/1.1\r\n${CLOSE}${headerBytes(32 * 1024 - CLOSE.length)}\r\n`, 404],
  ['with headers of 40 KiB', `GET / HTTP/1.1\r\n${headerBytes(40 * 1024)}\r\n`, 431],
  ['with headers of 4 MiB', `GET / HTTP/1.1\r\n${headerBytes(4 * 1024 * 1024)}\r\n`, 431],
  ['with half a header', 'GET / HTTP/1.1\r\nHost', 408],
  ['with half a body', 'POST /handled HTTP/1.1\r\nContent-Length: 9\r\n\r\nhalf', 408],
  ['with a broken chunk', `POST /handled HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\nnonsense\r\n`, 400],
  ['for a proxy', 'CONNECT example.org:443 HTTP/1.1\r\n\r\n', 405],
];

test.each(oddRequests)('a request %s gets a problem', async (_name, bytes, status) => {
  const { port } = await serveHandler(async (request) => {
    await once(request.resume(), 'end');
    throw new ProblemError(404, 'Nothing.');
  });
  const { socket, ended } = connectRaw(port);
  socket.write(bytes);

  const [head = '', body = ''] = (await ended).split('\r\n\r\n');

  expect(head).toMatch(new RegExp(`^HTTP/1.1 ${status} `));
  expect(head).toMatch(/Content-Type: application\/problem\+json/);
  expect(JSON.parse(body)).toEqual({
    type: 'about:blank',
    title: expect.any(String),
    status,
    detail: expect.stringMatching(/^[A-Z].+\.$/),
  });
});

test('a request before an unreadable one gets its response first', async () => {
  const release = withResolvers<void>();
  const { port, server } = await serveHandler(async (_request, response) => {
    await release.promise;
    response.send('hello');
  });
  const unreadable = once(server, 'clientError');
  const { socket, ended } = connectRaw(port);
  socket.write('GET /handled HTTP/1.1\r\n\r\nnonsense\r\n\r\n');
  await unreadable;
  release.resolve();

  expect((await ended).match(/HTTP\/1\.1 \d+|hello/g)).toEqual(['HTTP/1.1 200', 'hello', 'HTTP/1.1 400']);
});

test.each(['/handled', '/unknown', '/livez', '/readyz'])(
  'a client that ends its half of the connection gets the response of %s',
  async (path) => {
    const { port } = await serveHandler(async (request, response) => {
      await once(request.socket, 'end');
      response.send('hello');
    });
    const { socket, ended } = connectRaw(port, { allowHalfOpen: true });
    socket.end(`GET ${path} HTTP/1.1\r\n\r\n`);

    expect(await ended).toMatch(/^HTTP\/1\.1 (200 OK|404 Not Found)\r\n(.+\r\n)+\r\n/);
    await once(socket.end(), 'close');
  },
);

test('a client that closed its half of the connection and waits long for the response gets 102 Processing first', async () => {
  const release = withResolvers<void>();
  const { port } = await serveHandler(async (_request, response) => {
    await release.promise;
    response.send('hello');
  });
  const { socket, received, ended } = connectRaw(port, { allowHalfOpen: true });
  socket.end('GET /handled HTTP/1.1\r\n\r\n');
  await waitUntil(() => received() === 'HTTP/1.1 102 Processing\r\n\r\n');
  release.resolve();

  expect(await ended).toMatch(
    /^HTTP\/1\.1 102 Processing\r\n\r\n(HTTP\/1\.1 102 Processing\r\n\r\n)*HTTP\/1\.1 200 OK/,
  );
});

test('a disconnected client closes its response, although it looks like one that closed its half', async () => {
  const entered = withResolvers<void>();
  const closed = withResolvers<boolean>();
  const { port } = await serveHandler((_request, response) => {
    response.once('close', () => closed.resolve(response.writableFinished));
    entered.resolve();
  });
  const { socket } = connectRaw(port);
  socket.write('GET /handled HTTP/1.1\r\n\r\n');
  await entered.promise;

  socket.destroy();

  expect(await closed.promise).toBe(false);
});

test('a port in use is reported in one sentence', async () => {
  const other = createServer();
  const port = await listen(other, 0);
  onTestFinished(() => closeServer(other));

  await expect(listen(createServer(), port)).rejects.toThrow(
    `Can't listen on port ${port}: it is already in use.`,
  );
});

function withResolvers<Value>() {
  let resolve!: (value: Value) => void;
  const promise = new Promise<Value>((resolvePromise) => {
    resolve = resolvePromise;
  });
  return { promise, resolve };
}
