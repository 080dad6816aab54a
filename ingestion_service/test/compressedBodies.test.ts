import { brotliCompressSync, constants, deflateRawSync, deflateSync, gzipSync } from 'node:zlib';
import { useTestStack } from '@analytics/local-stack/testing/useTestStack';
import { expect, test } from 'vitest';
import { createBodyBudget } from '../src/utils/bodyBudget.ts';
import { KIB, pad, routes, single, startBodyServer } from './bodyServer.ts';

const budget = createBodyBudget({ budgetBytes: 2 * KIB * KIB });
const { queue, post } = await startBodyServer(useTestStack(), budget);

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

const compressions = [gzipSync, deflateSync, deflateRawSync, brotliCompressSync];
const encodingOf = new Map([
  [gzipSync, 'gzip'],
  [brotliCompressSync, 'br'],
]);

test.each(routes)('%s counts the bytes of the decompressed body', async (path, body, limitBytes) => {
  for (const compress of compressions) {
    const headers = { 'Content-Encoding': encodingOf.get(compress) ?? 'deflate' };

    const fitting = await post(path, compress(pad(body, limitBytes)), headers);
    const tooLarge = await post(path, compress(pad(body, limitBytes + 1)), headers);

    expect([fitting.status, tooLarge.status]).toEqual([202, 413]);
  }
});

test('a body that compression makes larger is accepted', async () => {
  const incompressible = pad(single, 64 * KIB);
  const stored = gzipSync(incompressible, { level: 0 });

  expect(stored.length).toBeGreaterThan(64 * KIB);
  expect((await post('/event', stored, { 'Content-Encoding': 'gzip' })).status).toBe(202);
});

const zeros = Buffer.alloc(64 * KIB * KIB);
const brotliBomb = brotliCompressSync(zeros, {
  params: { [constants.BROTLI_PARAM_LGWIN]: 24, [constants.BROTLI_PARAM_QUALITY]: 5 },
});

test('two hundred simultaneous decompression bombs are refused, and take no memory', async () => {
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
