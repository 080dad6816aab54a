import { useTestStack } from '@analytics/local-stack/testing/useTestStack';
import { waitUntil } from '@analytics/local-stack/testing/waitUntil';
import { createKey, type KeyKind } from '@analytics/sites/apiKey';
import { createKeyStore } from '@analytics/sites/keyStore';
import { createSiteStore } from '@analytics/sites/siteStore';
import type { mongo } from 'mongoose';
import request from 'supertest';
import { expect, test } from 'vitest';
import { startApp } from '../startApp.ts';

const { app, connection, storeEvents } = await startApp(useTestStack(), { AUTH_MODE: 'keys' });
const ROUTES = ['/stats', '/stats/timeseries', '/stats/breakdown', '/stats/compare', '/stats/realtime'];
const EXTRA: Record<string, object> = {
  '/stats/breakdown': { dimension: 'path' },
  '/stats/compare': { date: '2025-11-12' },
};

const requireDb = () => connection.db as mongo.Db;
const sites = createSiteStore(requireDb);
const keys = createKeyStore(requireDb);

await sites.add({ id: 'a', aliases: ['alias-of-a'] });
await sites.add({ id: 'b' });
await storeEvents([{ site_id: 'a', path: '/', user_id: 'ann', timestamp: '2025-11-12T10:00:00Z' }]);
const add = async (kind: KeyKind, site_id: string | null, expires_at: Date | null = null) =>
  (await keys.add({ kind, site_id, label: 'test', expires_at })).key;
const readKey = await add('read', 'a');
const foreignKey = await add('read', 'b');
const writeKey = await add('write', 'a');
const shareToken = await add('share', 'a');
const foreignToken = await add('share', 'b');
const expiredToken = await add('share', 'a', new Date(1000));
const adminKey = await add('admin', null);
const expiredKey = await add('read', 'a', new Date(1000));
await waitUntil(async () => (await get('/stats', { 'X-Api-Key': adminKey })).status === 200);

function get(route: string, headers: Record<string, string>, query: object = {}) {
  return request(app)
    .get(route)
    .set(headers)
    .query({ site_id: 'a', ...EXTRA[route], ...query });
}

const readers: [name: string, headers: Record<string, string>, query: object, status: number][] = [
  ['a read key as Bearer', { Authorization: `Bearer ${readKey}` }, {}, 200],
  ['a read key in X-Api-Key', { 'X-Api-Key': readKey }, {}, 200],
  ['an admin key', { 'X-Api-Key': adminKey }, {}, 200],
  ['a read key and an alias', { 'X-Api-Key': readKey }, { site_id: 'alias-of-a' }, 200],
  ['a share token in the query', {}, { share: shareToken }, 200],
  ['a share token as Bearer', { Authorization: `Bearer ${shareToken}` }, {}, 200],
  ['a share token and an alias', {}, { share: shareToken, site_id: 'alias-of-a' }, 200],
  ['a share token of another site', {}, { share: foreignToken }, 404],
  ['a share token, and a site that does not exist', {}, { share: shareToken, site_id: 'no-site' }, 404],
  ['an expired share token', {}, { share: expiredToken }, 401],
  ['an unknown share token', {}, { share: createKey('share').key }, 401],
  ['two share tokens', {}, { share: [shareToken, shareToken] }, 401],
  [
    'a valid key and an unknown share token',
    { 'X-Api-Key': readKey },
    { share: createKey('share').key },
    401,
  ],
  ['an empty share token', {}, { share: '' }, 401],
  ['a read key as share token', {}, { share: readKey }, 401],
  ['an admin key as share token', {}, { share: adminKey }, 401],
  ['no key', {}, {}, 401],
  ['an unknown key', { 'X-Api-Key': createKey('read').key }, {}, 401],
  ['an expired key', { 'X-Api-Key': expiredKey }, {}, 401],
  ['a key in the query only', {}, { key: readKey }, 401],
  ['no key and an invalid query', {}, { day: 'x' }, 401],
  ['a write key', { 'X-Api-Key': writeKey }, {}, 403],
  ['a key of another site', { 'X-Api-Key': foreignKey }, {}, 404],
  ['a key, and a site that does not exist', { 'X-Api-Key': readKey }, { site_id: 'no-site' }, 404],
  ['an admin key, and a site that does not exist', { 'X-Api-Key': adminKey }, { site_id: 'no-site' }, 404],
];

test.each(readers)('%s gets its answer from every report', async (_name, headers, query, status) => {
  for (const route of ROUTES) {
    const response = await get(route, headers, query);

    expect([route, response.status]).toEqual([route, status]);
    if (status === 200) {
      expect(response.body.site_id ?? response.body.meta.site_id).toBe('a');
    } else {
      expect(response.type).toBe('application/problem+json');
      expect(response.headers['www-authenticate']).toBe(status === 401 ? 'Bearer' : undefined);
    }
  }
});

test('the answers for a foreign site and for one that does not exist are equal', async () => {
  const [foreign, missing] = await Promise.all(
    ['b', 'no-site'].map((site_id) => get('/stats', { 'X-Api-Key': readKey }, { site_id })),
  );
  expect(foreign?.text).toBe(missing?.text);
});

test('a cached answer is given only to those who may read it', async () => {
  const allowed = await get('/stats', { 'X-Api-Key': readKey });
  const refused = await get('/stats', {});
  expect([allowed.status, refused.status]).toEqual([200, 401]);
});

test('a revoked key is refused within ten seconds', async () => {
  const { key, summary } = await keys.add({ kind: 'read', site_id: 'a', label: 'short' });
  await waitUntil(async () => (await get('/stats', { 'X-Api-Key': key })).status === 200, Boolean, 10_000);
  await keys.revoke(summary.id);
  await waitUntil(async () => (await get('/stats', { 'X-Api-Key': key })).status === 401, Boolean, 10_000);
});

test('the last use of a key is stored', async () => {
  await get('/stats', { 'X-Api-Key': readKey });
  const used = await waitUntil(async () =>
    (await keys.list('a')).some(({ kind, last_used_at }) => kind === 'read' && last_used_at),
  );
  expect(used).toBe(true);
});
