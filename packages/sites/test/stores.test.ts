import { useTestStack } from '@analytics/local-stack/testing/useTestStack';
import { createConnection } from 'mongoose';
import { beforeEach, expect, test } from 'vitest';
import { hashKey } from '../src/apiKey.ts';
import { SITE_COLLECTIONS } from '../src/documents.ts';
import { createKeyStore } from '../src/keyStore.ts';
import { createSiteStore, NameTakenError } from '../src/siteStore.ts';
import { createSnapshotReader } from '../src/snapshotReader.ts';

const stack = useTestStack();
const connection = await createConnection(stack.MONGO_URI).asPromise();
stack.register(() => connection.close());
stack.register(() => connection.dropDatabase());
const { db } = connection;
if (db === undefined) {
  throw new Error('not connected');
}
const NOW = new Date('2025-11-12T19:30:00Z');
const sites = createSiteStore(
  () => db,
  () => NOW,
);
const keys = createKeyStore(
  () => db,
  () => NOW,
);
const reader = createSnapshotReader(() => db);

beforeEach(async () => {
  for (const { name, indexes } of SITE_COLLECTIONS) {
    await db.collection(name).deleteMany({});
    await db.collection(name).createIndexes([...indexes]);
  }
});

test('a site is found by its id and its aliases, with normalized domains', async () => {
  const added = await sites.add({ id: 'a', domains: ['Example.com', 'example.com'], aliases: ['b', 'a'] });

  expect(added).toEqual({
    id: 'a',
    name: 'a',
    domains: ['example.com'],
    aliases: ['b'],
    retention_days: null,
    created_at: NOW.toISOString(),
    updated_at: NOW.toISOString(),
  });
  expect([await sites.find('a'), await sites.find('b'), await sites.find('c')]).toEqual([
    added,
    added,
    undefined,
  ]);
  expect(await sites.list()).toEqual([added]);
});

test('no two sites have a name in common, even when they are added at the same time', async () => {
  await sites.add({ id: 'a', aliases: ['b'] });
  await expect(sites.add({ id: 'b' })).rejects.toThrow(NameTakenError);
  await expect(sites.add({ id: 'c', aliases: ['a'] })).rejects.toThrow(NameTakenError);
  await sites.add({ id: 'd' });
  await expect(sites.change('d', { aliases: ['b'] })).rejects.toThrow(NameTakenError);

  const racing = await Promise.allSettled(
    ['x', 'y', 'z'].map((id) => sites.add({ id, aliases: ['shared'] })),
  );
  expect(racing.filter(({ status }) => status === 'fulfilled')).toHaveLength(1);
});

test('a change replaces the given fields only', async () => {
  await sites.add({ id: 'a', name: 'A', domains: ['a.example'], aliases: ['alias'] });

  expect(await sites.change('a', { domains: ['b.example'] })).toMatchObject({
    name: 'A',
    domains: ['b.example'],
    aliases: ['alias'],
  });
  expect(await sites.change('a', { name: 'B', aliases: [] })).toMatchObject({
    name: 'B',
    domains: ['b.example'],
    aliases: [],
  });
  expect(await sites.change('a', { retention_days: 30 })).toMatchObject({ name: 'B', retention_days: 30 });
  expect(await sites.change('a', { name: 'C' })).toMatchObject({ retention_days: 30 });
  expect(await sites.change('a', { retention_days: null })).toMatchObject({ retention_days: null });
  expect(await sites.change('missing', { name: 'B' })).toBeUndefined();
});

test('a key is stored as its hash, and is in the snapshot until it is revoked', async () => {
  await sites.add({ id: 'a' });
  const { key, summary } = await keys.add({ kind: 'write', site_id: 'a', label: 'server' });

  expect(JSON.stringify(await db.collection('keys').find().toArray())).not.toContain(key);
  expect(await keys.list('a')).toEqual([summary]);
  const snapshotKey = { hash: hashKey(key), kind: 'write', site_id: 'a', expiresAtMs: null };
  expect(await reader.readSnapshot()).toEqual({
    sites: [{ id: 'a', names: ['a'], domains: [] }],
    keys: [snapshotKey],
  });

  expect(await keys.revoke(summary.id)).toEqual({ ...summary, revoked_at: NOW.toISOString() });
  expect((await reader.readSnapshot()).keys).toEqual([]);
  expect(await keys.list()).toHaveLength(1);
  expect(await keys.revoke('000000000000')).toBeUndefined();
  expect(await keys.revoke('{"$ne":null}')).toBeUndefined();
});

test('a write or read key needs a site, and an admin key has none', async () => {
  await expect(keys.add({ kind: 'write', label: 'x' })).rejects.toThrow('is required');
  await expect(keys.add({ kind: 'admin', site_id: 'a', label: 'x' })).rejects.toThrow('not allowed');
  await expect(keys.add({ kind: 'root' as 'admin', label: 'x' })).rejects.toThrow('must be one of');
});

test('the latest use of a key is stored, whatever the order', async () => {
  const { key, summary } = await keys.add({ kind: 'admin', label: 'me' });

  await keys.recordUses(
    new Map([
      [hashKey(key), 2000],
      ['unknown', 1],
    ]),
  );
  await keys.recordUses(new Map([[hashKey(key), 1000]]));

  expect(await keys.list()).toEqual([{ ...summary, last_used_at: new Date(2000).toISOString() }]);
});

test('the removal of a site removes its keys', async () => {
  await sites.add({ id: 'a' });
  await keys.add({ kind: 'read', site_id: 'a', label: 'x' });
  const admin = await keys.add({ kind: 'admin', label: 'me' });

  expect([await sites.remove('a'), await sites.remove('a')]).toEqual([true, false]);
  expect(await keys.list()).toEqual([admin.summary]);
});

test('the fingerprint changes with every change', async () => {
  let at = NOW.getTime();
  const tick = () => {
    at += 1;
    return new Date(at);
  };
  const store = createSiteStore(() => db, tick);
  const keyStore = createKeyStore(() => db, tick);
  const prints = [await reader.readFingerprint()];
  const see = async () => prints.push(await reader.readFingerprint());

  await store.add({ id: 'a' });
  await see();
  await store.change('a', { name: 'B' });
  await see();
  const { summary } = await keyStore.add({ kind: 'admin', label: 'me' });
  await see();
  await keyStore.revoke(summary.id);
  await see();
  await store.remove('a');
  await see();

  expect(new Set(prints).size).toBe(prints.length);
});
