import { once } from 'node:events';
import { connectRaw, sendBeforeReading } from '@analytics/local-stack/testing/rawClient';
import { waitUntil } from '@analytics/local-stack/testing/waitUntil';
import { expect, test } from 'vitest';
import { sendContinue } from '../../src/http/expectContinue.ts';
import { answerHello, serveHandler } from './serveHandler.ts';

const EXPECT = 'Expect: 100-continue\r\nContent-Length: 4\r\n\r\n';

test('a body that the app reads is requested with 100 Continue', async () => {
  const { port } = await serveHandler(async (request, response) => {
    sendContinue(request);
    response.send(await once(request.setEncoding('utf8'), 'data'));
  });
  const { socket, received } = connectRaw(port);
  socket.write(`POST /handled HTTP/1.1\r\n${EXPECT}`);
  await waitUntil(() => received() === 'HTTP/1.1 100 Continue\r\n\r\n');
  socket.write('body');

  await waitUntil(() => /\r\n\r\nHTTP\/1\.1 200 OK\r\n(.+\r\n)+\r\n\["body"\]$/.test(received()));
});

test('a body that the app does not read is not requested', async () => {
  const { port } = await serveHandler(answerHello);
  const { socket, ended } = connectRaw(port);
  socket.write(`POST /unknown HTTP/1.1\r\n${EXPECT}`);

  expect(await ended).toMatch(/^HTTP\/1\.1 404 Not Found\r\n(.+\r\n)*Connection: close\r\n/);
});

const MEGABYTE = 1024 * 1024;

test.each([
  ['with its length', `Content-Length: ${20 * MEGABYTE}\r\n\r\n`],
  ['in one chunk', `Transfer-Encoding: chunked\r\n\r\n${(20 * MEGABYTE).toString(16)}\r\n`],
])('a refusal reaches all of ten clients that send 20 MiB %s before they read', async (_name, head) => {
  const { port } = await serveHandler(answerHello);
  const body = Buffer.alloc(20 * MEGABYTE, 'x');

  const answers = await Promise.all(
    Array.from({ length: 10 }, () => sendBeforeReading(port, `POST /unknown HTTP/1.1\r\n${head}`, body)),
  );

  expect(answers.map((answer) => answer.slice(0, 12))).toEqual(Array(10).fill('HTTP/1.1 404'));
});

test('a client that never stops sending after its refusal is cut off', async () => {
  const { port } = await serveHandler(answerHello);
  const { socket } = connectRaw(port, { allowHalfOpen: true });
  socket.write(`POST /unknown HTTP/1.1\r\nContent-Length: ${1024 * MEGABYTE}\r\n\r\n`);
  const megabyte = Buffer.alloc(MEGABYTE, 'x');
  const closed = once(socket, 'close').catch((error: unknown) => error);
  let sentMegabytes = 0;
  const sendMore = () => {
    while (socket.writable && socket.write(megabyte)) {
      sentMegabytes += 1;
    }
    sentMegabytes += 1;
  };
  socket.on('drain', sendMore);
  sendMore();

  await closed;
  expect(sentMegabytes).toBeGreaterThanOrEqual(64);
  expect(sentMegabytes).toBeLessThan(200);
});

test('a refused body of less than 64 KiB leaves the connection open for the next request', async () => {
  const { port } = await serveHandler(answerHello);
  const { socket, received } = connectRaw(port);
  socket.write(`POST /unknown HTTP/1.1\r\nContent-Length: 60000\r\n\r\n`);
  await waitUntil(() => received().startsWith('HTTP/1.1 404 '));
  socket.write(`${'x'.repeat(60_000)}GET /handled HTTP/1.1\r\n\r\n`);

  await waitUntil(() => received().endsWith('hello'));
});
