import { connectRaw, sendBeforeReading } from '@analytics/local-stack/testing/rawClient';
import { useTestStack } from '@analytics/local-stack/testing/useTestStack';
import { waitUntil } from '@analytics/local-stack/testing/waitUntil';
import { expect, test } from 'vitest';
import { createBodyBudget } from '../src/utils/bodyBudget.ts';
import { batch, KIB, pad, routes, single, startBodyServer } from './bodyServer.ts';

const BUDGET_BYTES = 2 * KIB * KIB;

let nowMs = 0;
const budget = createBodyBudget({ budgetBytes: BUDGET_BYTES, now: () => nowMs });
const { port, post } = await startBodyServer(useTestStack(), budget);

test.each(routes)('%s takes JSON after a byte order mark', async (path, body) => {
  expect((await post(path, Buffer.concat([Buffer.of(0xef, 0xbb, 0xbf), body]))).status).toBe(202);
});

test.each([5, 20])(
  'a client that sends %i MB before it reads gets its 413, ten times of ten',
  async (megabytes) => {
    const body = Buffer.alloc(megabytes * 1_000_000, ' ');
    const head = `POST /event HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n`;

    const answers = await Promise.all(Array.from({ length: 10 }, () => sendBeforeReading(port, head, body)));

    expect(answers.map((answer) => answer.slice(0, 12))).toEqual(Array(10).fill('HTTP/1.1 413'));
  },
);

test('a body with a Content-Length above the limit is refused before it is sent, without 100 Continue', async () => {
  const { socket, ended } = connectRaw(port);
  socket.write(
    'POST /event HTTP/1.1\r\nContent-Type: application/json\r\nExpect: 100-continue\r\nContent-Length: 65537\r\n\r\n',
  );

  expect(await ended).toMatch(/^HTTP\/1\.1 413 Payload Too Large\r\n(.+\r\n)*Connection: close\r\n/);
});

test('a body within the limit is requested with 100 Continue', async () => {
  const { socket, received } = connectRaw(port);
  socket.write(
    `POST /event HTTP/1.1\r\nContent-Type: application/json\r\nExpect: 100-continue\r\nContent-Length: ${single.length}\r\n\r\n`,
  );
  await waitUntil(() => received() === 'HTTP/1.1 100 Continue\r\n\r\n');
  socket.write(single);

  await waitUntil(() =>
    /\r\n\r\nHTTP\/1\.1 202 Accepted\r\n(.+\r\n)+\r\n\{"success":true\}$/.test(received()),
  );
});

test('a body that arrives byte by byte is accepted, with Content-Length and chunked', async () => {
  const { socket, received } = connectRaw(port);
  const head = 'POST /event HTTP/1.1\r\nContent-Type: application/json\r\n';
  socket.setNoDelay().write(`${head}Content-Length: ${single.length}\r\n\r\n`);
  for (const byte of single) {
    await new Promise((resolve) => socket.write(Buffer.of(byte), resolve));
  }
  await waitUntil(() => received().includes('202 Accepted'));
  const chunks = [...single].map((byte) => `1\r\n${String.fromCharCode(byte)}\r\n`).join('');
  socket.write(`${head}Transfer-Encoding: chunked\r\n\r\n${chunks}0\r\n\r\n`);

  await waitUntil(() => received().match(/202 Accepted/g)?.length === 2);
});

const SLOW_BYTES = 500_000;

/** Four clients that send all of a large batch but its last byte: nearly as much as the budget. */
async function fillBudget() {
  const senders = Array.from({ length: 4 }, () => {
    const { socket, received } = connectRaw(port);
    const headers = `Content-Type: application/json\r\nContent-Length: ${SLOW_BYTES}\r\n`;
    socket.write(`POST /events HTTP/1.1\r\n${headers}\r\n`);
    socket.write(pad(batch, SLOW_BYTES - 1));
    return { socket, received };
  });
  await waitUntil(() => budget.usedBytes === 4 * SLOW_BYTES);
  return senders;
}

const postLarge = () => post('/events', pad(batch, SLOW_BYTES));

test('above the memory budget of bodies, new large ones get 503, small ones 202, and bodies in progress continue', async () => {
  const senders = await fillBudget();

  const refused = await postLarge();
  expect([refused.status, refused.headers.get('retry-after')]).toEqual([503, '2']);
  expect((await post('/event', single)).status).toBe(202);

  for (const { socket } of senders) {
    socket.write(' ');
  }
  await waitUntil(() => senders.every(({ received }) => received().startsWith('HTTP/1.1 202 ')));
  expect(budget.usedBytes).toBe(0);
});

test('the slowest sender is disconnected to make room, and a disconnect frees its memory', async () => {
  const [slowest, ...others] = await fillBudget();
  nowMs += 5001;

  expect((await postLarge()).status).toBe(202);
  await waitUntil(() => slowest?.received().startsWith('HTTP/1.1 503 '));
  expect([others.map(({ received }) => received()), budget.usedBytes]).toEqual([
    ['', '', ''],
    3 * SLOW_BYTES,
  ]);

  for (const { socket } of others) {
    socket.destroy();
  }
  await waitUntil(() => budget.usedBytes === 0);
});
