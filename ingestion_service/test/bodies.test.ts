import { brotliCompressSync, constants, deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import { connectRaw, sendBeforeReading } from '@analytics/local-stack/testing/rawClient';
import { useTestStack } from '@analytics/local-stack/testing/useTestStack';
import { waitUntil } from '@analytics/local-stack/testing/waitUntil';
import { closeServer } from '@analytics/shared/closeServer';
import { createHttpServer, listen } from '@analytics/shared/httpServer';
import { beforeEach, expect, test } from 'vitest';
import { createBodyBudget } from '../src/utils/bodyBudget.ts';
import { startApp } from './startApp.ts';

const KIB = 1024;
const BUDGET_BYTES = 2 * KIB * KIB;

let nowMs = 0;
const stack = useTestStack();
const budget = createBodyBudget({ budgetBytes: BUDGET_BYTES, now: () => nowMs });
const { app, queue } = await startApp(stack, {}, budget);
const server = createHttpServer(app);
const port = await listen(server, 0);
stack.register(() => closeServer(server, { graceMs: 0 }));
const url = `http://127.0.0.1:${port}`;

beforeEach(async () => {
  await queue.drain();
  await waitUntil(async () => (await fetch(`${url}/readyz`)).status === 200);
});

const event = { site_id: 's', event_type: 'page_view', path: '/', timestamp: '2025-11-12T19:30:01Z' };
const single = Buffer.from(JSON.stringify(event));
const batch = Buffer.from(JSON.stringify({ events: [event, event] }));

function post(path: string, body: Buffer, headers: Record<string, string> = {}) {
  return fetch(url + path, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', ...headers },
    body: new Uint8Array(body),
  });
}

const routes: [path: string, body: Buffer, limitBytes: number][] = [
  ['/event', single, 64 * KIB],
  ['/events', batch, 512 * KIB],
];

test.each(routes)('%s takes JSON after a byte order mark', async (path, body) => {
  expect((await post(path, Buffer.concat([Buffer.of(0xef, 0xbb, 0xbf), body]))).status).toBe(202);
});

const encodings: [name: string, compress: (body: Buffer) => Buffer][] = [
  ['gzip', gzipSync],
  ['x-gzip', gzipSync],
  ['GZIP', gzipSync],
  ['identity, gzip', gzipSync],
  ['deflate', deflateSync],
  ['deflate', deflateRawSync],
  ['br', brotliCompressSync],
  ['identity', (body) => body],
];

test.each(
  routes.flatMap(([path, body]) =>
    encodings.map(([name, compress]) => [path, name, compress(body)] as const),
  ),
)('%s takes a body with Content-Encoding %s', async (path, name, body) => {
  const response = await post(path, body, { 'Content-Encoding': name });

  expect([response.status, await queue.count()]).toEqual([202, 1]);
});

/** JSON of exactly so many bytes. */
const pad = (body: Buffer, bytes: number) => Buffer.concat([body, Buffer.alloc(bytes - body.length, ' ')]);
const compressions = [gzipSync, deflateSync, deflateRawSync, brotliCompressSync];
const encodingOf = new Map([
  [gzipSync, 'gzip'],
  [brotliCompressSync, 'br'],
]);

test.each(routes)('%s counts what comes out of a compressed body', async (path, body, limitBytes) => {
  for (const compress of compressions) {
    const headers = { 'Content-Encoding': encodingOf.get(compress) ?? 'deflate' };

    const fitting = await post(path, compress(pad(body, limitBytes)), headers);
    const tooLarge = await post(path, compress(pad(body, limitBytes + 1)), headers);

    expect([fitting.status, tooLarge.status]).toEqual([202, 413]);
  }
});

test('a body that compression makes larger is taken', async () => {
  const incompressible = pad(single, 64 * KIB);
  const stored = gzipSync(incompressible, { level: 0 });

  expect(stored.length).toBeGreaterThan(64 * KIB);
  expect((await post('/event', stored, { 'Content-Encoding': 'gzip' })).status).toBe(202);
});

const zeros = Buffer.alloc(64 * KIB * KIB);
const brotliBomb = brotliCompressSync(zeros, {
  params: { [constants.BROTLI_PARAM_LGWIN]: 24, [constants.BROTLI_PARAM_QUALITY]: 5 },
});

test('two hundred decompression bombs at once are refused, and cost no memory', async () => {
  const bombs = [
    ['br', brotliBomb],
    ['gzip', gzipSync(zeros.subarray(0, 32 * KIB * KIB))],
    ['deflate', deflateRawSync(zeros.subarray(0, 32 * KIB * KIB))],
  ] as const;
  const before = process.memoryUsage.rss();
  let peak = before;
  const sampling = setInterval(() => {
    peak = Math.max(peak, process.memoryUsage.rss());
  }, 5);

  const statuses = await Promise.all(
    Array.from({ length: 200 }, async (_, index) => {
      const [encoding, bomb] = bombs[index % bombs.length] as (typeof bombs)[number];
      return (await post('/event', bomb, { 'Content-Encoding': encoding })).status;
    }),
  );
  clearInterval(sampling);

  expect(statuses).toContain(413);
  expect(statuses.filter((status) => status !== 413 && status !== 503)).toEqual([]);
  expect(peak - before).toBeLessThan(200 * KIB * KIB);
});

const gzipped = gzipSync(single);
const broken: [name: string, body: Buffer, encoding: string][] = [
  ['cut short', gzipped.subarray(0, 40), 'gzip'],
  ['cut short', deflateSync(single).subarray(0, 40), 'deflate'],
  ['cut short', deflateRawSync(single).subarray(0, 40), 'deflate'],
  ['cut short', brotliCompressSync(single).subarray(0, 40), 'br'],
  ['not compressed', single, 'gzip'],
  ['not compressed', single, 'deflate'],
  ['not compressed', single, 'br'],
  ['of one byte', Buffer.of(0x78), 'deflate'],
  ['damaged', Buffer.from(gzipped).fill(0, 30, 40), 'gzip'],
  ['followed by other bytes', Buffer.concat([gzipped, Buffer.from('x')]), 'gzip'],
  ['followed by other bytes', Buffer.concat([deflateSync(single), Buffer.from('x')]), 'deflate'],
  ['followed by other bytes', Buffer.concat([brotliCompressSync(single), Buffer.from('x')]), 'br'],
  ['empty', Buffer.alloc(0), 'gzip'],
  ['of nothing', gzipSync(Buffer.alloc(0)), 'gzip'],
];

test.each(broken)('a body %s is refused with 400 (%#)', async (_name, body, encoding) => {
  const response = await post('/event', body, { 'Content-Encoding': encoding });

  expect(response.status).toBe(400);
  expect(await response.json()).toMatchObject({ errors: [{ field: 'body' }] });
  expect(await queue.count()).toBe(0);
});

test.each(['zstd', 'compress', 'gzip, gzip', 'gzip, br', '*'])(
  'the Content-Encoding %s is refused with 415 and those that are known',
  async (encoding) => {
    const response = await post('/event', single, { 'Content-Encoding': encoding });

    expect([response.status, response.headers.get('accept-encoding')]).toEqual([415, 'gzip, deflate, br']);
    expect(await queue.count()).toBe(0);
  },
);

test.each([5, 20])(
  'a client that sends %i MB before it reads gets its 413, ten times of ten',
  async (megabytes) => {
    const body = Buffer.alloc(megabytes * 1_000_000, ' ');
    const head = `POST /event HTTP/1.1\r\nContent-Type: application/json\r\nContent-Length: ${body.length}\r\n\r\n`;

    const answers = await Promise.all(Array.from({ length: 10 }, () => sendBeforeReading(port, head, body)));

    expect(answers.map((answer) => answer.slice(0, 12))).toEqual(Array(10).fill('HTTP/1.1 413'));
  },
);

test('a body whose length is too large is refused before it is sent, and without 100 Continue', async () => {
  const { socket, ended } = connectRaw(port);
  socket.write(
    'POST /event HTTP/1.1\r\nContent-Type: application/json\r\nExpect: 100-continue\r\nContent-Length: 65537\r\n\r\n',
  );

  expect(await ended).toMatch(/^HTTP\/1\.1 413 Payload Too Large\r\n(.+\r\n)*Connection: close\r\n/);
});

test('a body that is acceptable is asked for with 100 Continue', async () => {
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

test('a body in pieces of one byte is put together, with a length and in chunks', async () => {
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

test('past the budget of bodies a large one gets 503, small ones get 202, and those that arrive go on', async () => {
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

test('the slowest sender makes room for others, and one that goes away gives its room back', async () => {
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
