import { once } from 'node:events';
import { createServer, get } from 'node:http';
import { connect } from 'node:net';
import { text } from 'node:stream/consumers';
import { closeServer, createHttpServer, listen } from '@analytics/shared/httpServer';
import { createServiceApp } from '@analytics/shared/serviceApp';
import express, { type RequestHandler } from 'express';
import { expect, onTestFinished, test } from 'vitest';

async function serve(handler: RequestHandler) {
  const app = express().use(handler);
  const server = createHttpServer(app);
  const port = await listen(server, 0);
  onTestFinished(() => closeServer(server));
  return { app, server, port };
}

test("a request and its response are born with the app's prototypes, so Express's swap changes nothing", async () => {
  const app = express();
  const server = createHttpServer(app);
  const born: object[] = [];
  server.prependListener('request', (request, response) => {
    born.push(Object.getPrototypeOf(request), Object.getPrototypeOf(response));
  });
  const port = await listen(server, 0);
  onTestFinished(() => closeServer(server));

  await fetch(`http://127.0.0.1:${port}/`);

  expect(born[0]).toBe(app.request);
  expect(born[1]).toBe(app.response);
});

test('an app answers the same on this server as on one of its own', async () => {
  const handler: RequestHandler = (request, response) => {
    response
      .cookie('seen', '1')
      .status(201)
      .json({ ip: request.ip, query: request.query, host: request.hostname });
  };
  const { app, port } = await serve(handler);
  const ownServer = app.listen(0);
  onTestFinished(() => closeServer(ownServer));
  const ownPort = (ownServer.address() as { port: number }).port;

  const [answer, ownAnswer] = await Promise.all(
    [port, ownPort].map(async (each) => {
      const response = await fetch(`http://localhost:${each}/x?a=1`);
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

test('what is not HTTP gets a problem and no stack trace', async () => {
  const { port } = await serve((_request, response) => void response.end());
  const socket = connect(port, '127.0.0.1');
  socket.write('this is not HTTP\r\n\r\n');

  const answer = await text(socket);

  expect(answer).toMatch(/^HTTP\/1\.1 400 Bad Request\r\nContent-Type: application\/problem\+json/);
  expect(JSON.parse(answer.split('\r\n\r\n')[1] ?? '')).toEqual({
    type: 'about:blank',
    title: 'Bad Request',
    status: 400,
    detail: 'This is not a readable HTTP request.',
  });
});

test('closing lets a request under way finish and then ends its connection', async () => {
  const entered = withResolvers<void>();
  const release = withResolvers<void>();
  const server = createHttpServer(
    express().use(async (_request, response) => {
      entered.resolve();
      await release.promise;
      response.send('finished');
    }),
  );
  const port = await listen(server, 0);
  const request = get({ port, host: '127.0.0.1', headers: { Connection: 'keep-alive' } });
  const answered = once(request, 'response');
  await entered.promise;

  const closed = closeServer(server);
  release.resolve();

  const [response] = await answered;
  expect(await text(response)).toBe('finished');
  await closed;
});

test('closing cuts off a request that never ends', async () => {
  const server = createHttpServer(express().use((_request, response) => void response.send('answered')));
  const port = await listen(server, 0);
  const endless = connect(port, '127.0.0.1')
    .on('error', () => {})
    .resume();
  endless.write('POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 10\r\n\r\nhalf');
  await once(server, 'request');
  const ended = once(endless, 'close');

  await closeServer(server);

  await ended;
});

test('closing ends a connection that never sent anything at once', async () => {
  const server = createHttpServer(express());
  const port = await listen(server, 0);
  const silent = connect(port, '127.0.0.1').resume();
  await once(server, 'connection');
  const startedAt = Date.now();

  await closeServer(server);

  expect(Date.now() - startedAt).toBeLessThan(1000);
  expect(silent.destroyed || (await once(silent, 'close'))).toBeTruthy();
});

const oddRequests: [name: string, bytes: string, status: RegExp][] = [
  ['without a Host header', 'GET / HTTP/1.1\r\nConnection: close\r\n\r\n', /^HTTP\/1\.1 404 /],
  [
    'with an expectation of its own',
    'GET / HTTP/1.1\r\nHost: x\r\nExpect: foo\r\nConnection: close\r\n\r\n',
    /^HTTP\/1\.1 404 /,
  ],
  [
    'with headers of 20 KB',
    `GET / HTTP/1.1\r\nHost: x\r\nX: ${'x'.repeat(20_000)}\r\n\r\n`,
    /^HTTP\/1\.1 431 /,
  ],
  ['with half a header', 'GET / HTTP/1.1\r\nHost', /^HTTP\/1\.1 408 /],
];

test.each(oddRequests)('a request %s gets a problem', { timeout: 15_000 }, async (_name, bytes, status) => {
  const server = createHttpServer(createServiceApp({ checks: {}, logger: { error: () => {} } }));
  const port = await listen(server, 0);
  onTestFinished(() => closeServer(server));
  const socket = connect(port, '127.0.0.1');
  socket.write(bytes);

  const answer = await text(socket);

  expect(answer).toMatch(status);
  expect(answer).toMatch(/Content-Type: application\/problem\+json/);
});

test('a port that is taken is named in a plain sentence', async () => {
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
