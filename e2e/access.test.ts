import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { useTestStack } from '@analytics/local-stack/testing/useTestStack';
import { waitUntil } from '@analytics/local-stack/testing/waitUntil';
import { Redis } from 'ioredis';
import { expect, test } from 'vitest';
import { startServices, waitUntilReady } from './startServices.ts';

const stack = useTestStack();
const { ingestion, processor, reporting } = await startServices(stack, { AUTH_MODE: 'keys' });
await waitUntilReady({ ingestion, processor, reporting });

/** A change must be effective in every service within this time (ms). */
const EFFECTIVE_MS = 10_000;

const event = { site_id: 'shop', event_type: 'page_view', path: '/', timestamp: '2025-11-12T19:30:01Z' };

/** Runs `npm run sites` from the build. */
async function runSites(...args: string[]): Promise<unknown> {
  const command = join(import.meta.dirname, '../processor_service/dist/bin/sites.js');
  const env = { PATH: process.env['PATH'], MONGO_URI: stack.MONGO_URI };
  const { stdout } = await promisify(execFile)(process.execPath, [command, ...args, '--json'], { env });
  return JSON.parse(stdout);
}

async function addKey(kind: string, ...site: string[]): Promise<string> {
  const added = await runSites('key', 'add', '--kind', kind, '--label', 'test', ...site);
  return (added as { key: string }).key;
}

async function post(headers: Record<string, string>, fields: object = {}): Promise<number> {
  const response = await fetch(`${ingestion.url}/event`, {
    method: 'POST',
    headers: { 'Content-Type': 'application/json', ...headers },
    body: JSON.stringify({ ...event, ...fields }),
  });
  return response.status;
}

async function readViews(key: string, site_id = 'shop'): Promise<number | string> {
  const response = await fetch(`${reporting.url}/stats?site_id=${site_id}`, {
    headers: { 'X-Api-Key': key },
  });
  const { total_views } = (await response.json()) as { total_views?: number };
  return total_views ?? `status ${response.status}`;
}

test('a site and its keys work within ten seconds, and survive an emptied Redis', {
  timeout: 90_000,
}, async () => {
  expect(await post({})).toBe(401);
  await runSites('add', 'shop', '--domain', '*.shop.example', '--alias', 'shop.example');
  const writeKey = await addKey('write', '--site', 'shop');
  const readKey = await addKey('read', '--site', 'shop');
  const adminKey = await addKey('admin');

  await waitUntil(async () => (await post({ 'X-Api-Key': writeKey })) === 202, Boolean, EFFECTIVE_MS);
  expect(await post({ Origin: 'https://www.shop.example' }, { site_id: 'shop.example' })).toBe(202);
  expect(await post({ Origin: 'https://evil.example' })).toBe(403);
  // It was added last, so all other keys are known, too.
  await waitUntil(
    () => readViews(adminKey),
    (views) => views === 2,
  );
  expect([await readViews(adminKey), await readViews(writeKey), await readViews(readKey, 'other')]).toEqual([
    2,
    'status 403',
    'status 404',
  ]);

  // A Redis that has lost everything gets the copy again, and an ingestion service that starts then reads it.
  const redis = new Redis(stack.REDIS_PORT, stack.REDIS_HOST);
  stack.register(() => redis.quit());
  const copyKey = `${stack.QUEUE_PREFIX}:${stack.QUEUE_NAME}:sites`;
  await redis.del(copyKey);
  expect(await post({ 'X-Api-Key': writeKey })).toBe(202);
  await waitUntil(async () => (await redis.exists(copyKey)) === 1, Boolean, EFFECTIVE_MS);

  const [{ id }] = (await runSites('key', 'list', '--site', 'shop')) as [{ id: string }];
  await runSites('key', 'revoke', id, '--yes');
  await waitUntil(async () => typeof (await readViews(readKey)) === 'string', Boolean, EFFECTIVE_MS);
  await waitUntil(
    () => readViews(adminKey),
    (views) => views === 3,
  );
});

test('the log of no service contains a key', () => {
  const text = [ingestion, processor, reporting]
    .map(({ log, errorLines }) => JSON.stringify([log, errorLines]))
    .join();
  expect(text).not.toMatch(/a[wra]_[\w-]{20}/);
});
