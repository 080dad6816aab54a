import { useTestStack } from '@analytics/local-stack/testing/useTestStack';
import { waitUntil } from '@analytics/local-stack/testing/waitUntil';
import { createKeyStore } from '@analytics/sites/keyStore';
import type { mongo } from 'mongoose';
import request from 'supertest';
import { expect, test } from 'vitest';
import { startApp } from '../startApp.ts';

// With AUTH_MODE=open, /api needs an admin key, too.
const { app, connection } = await startApp(useTestStack());
const keys = createKeyStore(() => connection.db as mongo.Db);
const { key: write } = await keys.add({ kind: 'write', site_id: 'x', label: 'server' });
// Added last: once it is known, the other one is known, too.
const { key: admin } = await keys.add({ kind: 'admin', label: 'me' });

type Method = 'get' | 'post' | 'patch' | 'delete';

function call(method: Method, path: string, body?: object, key = admin) {
  const sent = request(app)[method](path).set('X-Api-Key', key);
  return body ? sent.send(body) : sent;
}

await waitUntil(async () => (await call('get', '/api/sites')).status === 200);

test('an admin key adds, reads, changes and removes a site', async () => {
  const added = await call('post', '/api/sites', { id: 'a', domains: ['Example.com'], aliases: ['b'] });
  expect([added.status, added.body]).toEqual([
    201,
    {
      id: 'a',
      name: 'a',
      domains: ['example.com'],
      aliases: ['b'],
      retention_days: null,
      created_at: expect.any(String),
      updated_at: expect.any(String),
    },
  ]);
  expect((await call('get', '/api/sites/b')).body).toEqual(added.body);
  expect((await call('get', '/api/sites')).body).toEqual({ sites: [added.body] });

  const changed = await call('patch', '/api/sites/a', { name: 'A', domains: [] });
  expect([changed.status, changed.body]).toMatchObject([200, { name: 'A', domains: [], aliases: ['b'] }]);

  expect((await call('patch', '/api/sites/a', { retention_days: 90 })).body).toMatchObject({
    name: 'A',
    retention_days: 90,
  });
  expect((await call('post', '/api/sites', { id: 'b' })).status).toBe(409);
  expect([
    (await call('delete', '/api/sites/a')).status,
    (await call('delete', '/api/sites/a')).status,
  ]).toEqual([204, 404]);
});

test('an admin key creates, lists and revokes keys, and no list shows a secret', async () => {
  const added = await call('post', '/api/keys', {
    kind: 'read',
    site_id: 'c',
    label: 'dashboard',
    expires_at: '2999-01-01T00:00:00Z',
  });
  expect([added.status, added.body.key]).toEqual([201, expect.stringMatching(/^ar_[\w-]{43}$/)]);
  const { key, ...summary } = added.body;

  const listed = await call('get', '/api/keys?site_id=c');
  expect([listed.body, listed.text.includes(key)]).toEqual([{ keys: [summary] }, false]);
  const revoked = await call('delete', `/api/keys/${summary.id}`);
  expect(revoked.body).toEqual({ ...summary, revoked_at: expect.any(String) });
});

test.each<[Method, string, object | undefined, number]>([
  ['post', '/api/sites', {}, 400],
  ['post', '/api/sites', { id: 'a', owner: 'x' }, 400],
  ['post', '/api/sites', { id: { $ne: null } }, 400],
  ['post', '/api/sites', { id: 'a', domains: ['https://example.com'] }, 400],
  ['patch', '/api/sites/a', { id: 'b' }, 400],
  ['patch', '/api/sites/a', { retention_days: 0 }, 400],
  ['patch', '/api/sites/a', { retention_days: '30' }, 400],
  ['get', '/api/sites/missing', undefined, 404],
  ['patch', '/api/sites/missing', { name: 'x' }, 404],
  ['post', '/api/keys', { kind: 'root', label: 'x' }, 400],
  ['post', '/api/keys', { kind: 'write', label: 'x' }, 400],
  ['get', '/api/keys?site_id=a&site_id=b', undefined, 400],
  ['delete', '/api/keys/000000000000', undefined, 404],
  ['delete', '/api/keys/$ne', undefined, 404],
  ['delete', '/api/sites', undefined, 405],
  ['post', '/api/keys/x', {}, 405],
  ['get', '/api/unknown', undefined, 404],
])('%s %s with %j answers %i', async (method, path, body, status) => {
  const response = await call(method, path, body);
  expect([response.status, response.type]).toEqual([status, 'application/problem+json']);
});

test('a path that is not valid UTF-8 is refused, and a compressed body', async () => {
  const path = await call('get', '/api/sites/%ff');
  expect([path.status, JSON.parse(path.text).detail]).toEqual([
    400,
    'The path is not valid percent-encoded UTF-8.',
  ]);

  const compressed = await call('post', '/api/sites', { id: 'x' }).set('Content-Encoding', 'gzip');
  expect(compressed.status).toBe(415);
});

test('a body that is no JSON, or too long, is refused', async () => {
  const send = (body: string) =>
    request(app)
      .post('/api/sites')
      .set({ 'X-Api-Key': admin, 'Content-Type': 'application/json' })
      .send(body);
  expect([(await send('{"id":')).status, (await send(`{"id":"${'a'.repeat(70_000)}"}`)).status]).toEqual([
    400, 413,
  ]);
});

test.each<[Method, string]>([
  ['get', '/api/sites'],
  ['post', '/api/sites'],
  ['get', '/api/sites/a'],
  ['patch', '/api/sites/a'],
  ['delete', '/api/sites/a'],
  ['get', '/api/keys'],
  ['post', '/api/keys'],
  ['delete', '/api/keys/000000000000'],
])('%s %s needs an admin key', async (method, path) => {
  const withoutKey = await request(app)[method](path);
  const withWriteKey = await call(method, path, undefined, write);
  expect([withoutKey.status, withWriteKey.status]).toEqual([401, 403]);
});
