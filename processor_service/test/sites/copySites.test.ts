import { useTestStack } from '@analytics/local-stack/testing/useTestStack';
import { waitUntil } from '@analytics/local-stack/testing/waitUntil';
import { createLogger } from '@analytics/shared/service/logger';
import { hashKey } from '@analytics/sites/apiKey';
import { createKeyStore } from '@analytics/sites/keyStore';
import { createSiteCopy } from '@analytics/sites/siteCopy';
import { createSiteStore } from '@analytics/sites/siteStore';
import { createSnapshotReader } from '@analytics/sites/snapshotReader';
import { Redis } from 'ioredis';
import { createConnection, type mongo } from 'mongoose';
import { expect, test } from 'vitest';
import { copySites } from '../../src/sites/copySites.ts';

const stack = useTestStack();
const connection = await createConnection(stack.MONGO_URI).asPromise();
stack.register(() => connection.close());
const redis = new Redis(stack.REDIS_PORT, stack.REDIS_HOST);
stack.register(() => redis.quit());
const requireDb = () => connection.db as mongo.Db;
const sites = createSiteStore(requireDb);
const keys = createKeyStore(requireDb);
const copy = createSiteCopy(redis, { queueName: stack.QUEUE_NAME, queuePrefix: stack.QUEUE_PREFIX });
const logger = createLogger({ name: 'test', level: 'silent', isPretty: false });
const up = { isUp: true, whileUp: <Result>(work: () => Promise<Result>) => work() };

/** Two workers, as in production. */
for (const _ of [1, 2]) {
  const copying = copySites({
    reader: createSnapshotReader(requireDb),
    keys,
    copy,
    mongoWatch: up,
    redisWatch: up,
    logger,
    pollMs: 50,
  });
  stack.register(() => copying.stop());
}

const readCopy = async () => (await copy.readSnapshot())?.snapshot;

test('Redis has a copy of the sites, also without any', async () => {
  expect(await waitUntil(readCopy)).toEqual({ sites: [], keys: [] });
});

test('every change reaches the copy', async () => {
  await sites.add({ id: 'a', domains: ['a.example'] });
  const { key, summary } = await keys.add({ kind: 'write', site_id: 'a', label: 'server' });
  await waitUntil(readCopy, (snapshot) => snapshot?.keys.length === 1);
  expect(await readCopy()).toEqual({
    sites: [{ id: 'a', names: ['a'], domains: ['a.example'] }],
    keys: [{ hash: hashKey(key), kind: 'write', site_id: 'a', expiresAtMs: null }],
  });

  await sites.change('a', { domains: ['b.example'] });
  await keys.revoke(summary.id);
  await waitUntil(readCopy, (snapshot) => snapshot?.keys.length === 0);
  await waitUntil(readCopy, (snapshot) => snapshot?.sites[0]?.domains[0] === 'b.example');
});

test('a lost or foreign copy is replaced', async () => {
  const before = await waitUntil(readCopy);
  await redis.del(`${stack.QUEUE_PREFIX}:${stack.QUEUE_NAME}:sites`);
  expect(await waitUntil(readCopy)).toEqual(before);

  await copy.write({ sites: [{ id: 'old', names: ['old'], domains: [] }], keys: [] });
  await waitUntil(readCopy, (snapshot) => JSON.stringify(snapshot) === JSON.stringify(before));
});

test('the uses of keys move from Redis to MongoDB', async () => {
  const { key } = await keys.add({ kind: 'admin', label: 'me' });
  await copy.noteKeyUse(hashKey(key), 5000);

  await waitUntil(async () => (await copy.readKeyUses()).size === 0);
  expect((await keys.list()).find(({ label }) => label === 'me')?.last_used_at).toBe(
    new Date(5000).toISOString(),
  );
});
