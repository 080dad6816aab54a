import { useTestStack } from '@analytics/local-stack/testing/useTestStack';
import { waitUntil } from '@analytics/local-stack/testing/waitUntil';
import { createKey, type KeyKind } from '@analytics/sites/apiKey';
import { createSiteCopy } from '@analytics/sites/siteCopy';
import request from 'supertest';
import { beforeEach, expect, test } from 'vitest';
import { NOW, startApp } from '../startApp.ts';

const stack = useTestStack();
const { app, queue, redis } = await startApp(stack, {}, { AUTH_MODE: 'keys' });
const copy = createSiteCopy(redis, { queueName: stack.QUEUE_NAME, queuePrefix: stack.QUEUE_PREFIX });

const event = { site_id: 'a', event_type: 'page_view', path: '/', timestamp: '2025-11-12T19:30:01Z' };
const made = (kind: KeyKind, site_id: string | null, expiresAtMs: number | null = null) => ({
  ...createKey(kind),
  kind,
  site_id,
  expiresAtMs,
});
const writeKey = made('write', 'a');
const foreignKey = made('write', 'b');
const readKey = made('read', 'a');
const adminKey = made('admin', null);
const expiredKey = made('write', 'a', NOW);
const unknownKey = createKey('write');

const sites = [
  { id: 'a', names: ['a', 'alias-of-a'], domains: ['example.com', '*.example.com'] },
  { id: 'b', names: ['b'], domains: ['b.example'] },
];
const keys = [writeKey, foreignKey, readKey, adminKey, expiredKey].map(({ key: _, ...rest }) => rest);

const readiness = await waitUntil(
  async () => (await request(app).get('/readyz')).text,
  (text) => text.includes('"redis","status":"up"'),
);
const early = await request(app).post('/event').set('X-Api-Key', writeKey.key).send(event);

test('before the sites are known, /readyz says so and events get a 503', () => {
  expect(readiness).toContain('"dependency":"sites","status":"down","reason":"the processor has not copied');
  expect([early.status, early.headers['retry-after']]).toEqual([503, '2']);
});

beforeEach(async () => {
  await copy.write({ sites, keys });
  await waitUntil(async () => (await request(app).get('/readyz')).status === 200);
  await queue.drain();
});

type Sender = { headers?: Record<string, string>; query?: string; bodyKey?: unknown; site_id?: string };

const bearer = (key: string) => ({ headers: { Authorization: `Bearer ${key}` } });
const fromOrigin = (Origin: string) => ({ headers: { Origin } });

const senders: [name: string, sender: Sender, status: number, detail?: RegExp][] = [
  ['a write key as Bearer', bearer(writeKey.key), 202],
  ['a write key in X-Api-Key', { headers: { 'X-Api-Key': writeKey.key } }, 202],
  ['a write key in the query', { query: `?key=${writeKey.key}` }, 202],
  ['a write key in the body', { bodyKey: writeKey.key }, 202],
  ['a write key and an alias', { ...bearer(writeKey.key), site_id: 'alias-of-a' }, 202],
  [
    'a write key from a foreign page',
    { headers: { 'X-Api-Key': writeKey.key, Origin: 'https://evil.example' } },
    202,
  ],
  ['a page of the site', fromOrigin('https://example.com'), 202],
  ['a page below the site, on a port', fromOrigin('http://www.example.com:8080'), 202],
  ['no key', {}, 401, /^Send a write key of the site/],
  ['an unknown key', bearer(unknownKey.key), 401, /unknown, expired or revoked/],
  ['an expired key', bearer(expiredKey.key), 401, /unknown, expired or revoked/],
  ['a text that is no key', bearer('secret'), 401, /unknown, expired or revoked/],
  ['the scheme Basic', { headers: { Authorization: 'Basic YTpi' } }, 401, /must be "Bearer"/],
  [
    'two keys',
    { headers: { Authorization: `Bearer ${writeKey.key}`, 'X-Api-Key': readKey.key } },
    401,
    /two keys/,
  ],
  ['a key twice in the query', { query: `?key=${writeKey.key}&key=${writeKey.key}` }, 401, /not valid/],
  ['a number as key in the body', { bodyKey: 7 }, 401, /not valid/],
  ['null as key in the body', { bodyKey: null }, 401, /not valid/],
  ['an operator as key in the body', { bodyKey: { $ne: null } }, 401, /not valid/],
  ['a key with another prefix', bearer(`ar_${writeKey.key.slice(3)}`), 401, /not valid/],
  ['a read key', bearer(readKey.key), 403, /may not write events/],
  ['an admin key', bearer(adminKey.key), 403, /may not write events/],
  ['a read key in the body', { bodyKey: readKey.key }, 403, /may not write events/],
  ['a key of another site', bearer(foreignKey.key), 403, /of this site_id/],
  [
    'a key, and a site that does not exist',
    { ...bearer(writeKey.key), site_id: 'no-site' },
    403,
    /of this site_id/,
  ],
  ['a page of another site', fromOrigin('https://b.example'), 403, /not one of the domains/],
  [
    'a page, and a site that does not exist',
    { ...fromOrigin('https://example.com'), site_id: 'no-site' },
    403,
    /not one of the domains/,
  ],
  ['a look-alike page', fromOrigin('https://example.com.evil.example'), 403, /not one of the domains/],
  ['another look-alike page', fromOrigin('https://evilexample.com'), 403, /not one of the domains/],
  ['a sandboxed page', fromOrigin('null'), 403, /not one of the domains/],
];

function post(route: '/event' | '/events', { headers = {}, query = '', bodyKey, site_id = 'a' }: Sender) {
  const body = route === '/event' ? { ...event, site_id } : { events: [{ ...event, site_id }] };
  return request(app)
    .post(route + query)
    .set(headers)
    .send(bodyKey === undefined ? body : { ...body, key: bodyKey });
}

test.each(senders)('%s gets its answer from both routes', async (_name, sender, status, detail) => {
  for (const route of ['/event', '/events'] as const) {
    const response = await post(route, sender);

    expect([route, response.status]).toEqual([route, status]);
    expect(response.headers['access-control-allow-origin']).toBe('*');
    if (status === 202) {
      expect(JSON.stringify((await queue.getWaiting()).map(({ data }) => data))).not.toContain('aw_');
      expect(JSON.stringify((await queue.getWaiting()).map(({ data }) => data))).toContain('"site_id":"a"');
    } else {
      expect(response.type).toBe('application/problem+json');
      expect(JSON.parse(response.text).detail).toMatch(detail ?? /./);
      expect(response.headers['www-authenticate']).toBe(status === 401 ? 'Bearer' : undefined);
    }
    expect(await queue.count()).toBe(status === 202 ? 1 : 0);
    await queue.drain();
  }
});

test('a batch with one event of another site is refused as a whole', async () => {
  const events = [event, { ...event, site_id: 'b' }];

  for (const query of ['', '?partial=true']) {
    const response = await request(app)
      .post(`/events${query}`)
      .set('X-Api-Key', writeKey.key)
      .send({ events });
    expect(response.status).toBe(403);
  }
  expect(await queue.count()).toBe(0);
});

test('an invalid event of an unknown sender gets 401, so that nothing is said about the event', async () => {
  const response = await request(app).post('/event').set('X-Api-Key', unknownKey.key).send({ site_id: 7 });
  expect(response.status).toBe(401);
});

test('a change is effective within ten seconds, and the last sites remain when Redis loses the copy', async () => {
  const added = made('write', 'b');
  const { key: _, ...snapshotKey } = added;
  const startedMs = performance.now();
  await copy.write({ sites, keys: [...keys.filter(({ hash }) => hash !== writeKey.hash), snapshotKey] });

  const send = (key: string, site_id: string) => post('/event', { ...bearer(key), site_id });
  await waitUntil(async () => (await send(added.key, 'b')).status === 202, Boolean, 10_000);
  expect((await send(writeKey.key, 'a')).status).toBe(401);
  expect(performance.now() - startedMs).toBeLessThan(10_000);

  await redis.del(`${stack.QUEUE_PREFIX}:${stack.QUEUE_NAME}:sites`);
  await new Promise((resolve) => setTimeout(resolve, 2500));
  expect((await send(added.key, 'b')).status).toBe(202);
});

test('the use of a key is noted, by its hash', async () => {
  const noted = await waitUntil(
    async () => {
      return copy.readKeyUses();
    },
    (uses) => uses.has(writeKey.hash),
  );

  expect(noted.get(writeKey.hash)).toBe(NOW);
  expect([...noted.keys()].sort()).toEqual(expect.not.arrayContaining([unknownKey.hash, expiredKey.hash]));
});

test('OPTIONS answers a preflight for any origin, to be cached for a day', async () => {
  for (const route of ['/event', '/events']) {
    const response = await request(app).options(route).set({
      Origin: 'https://example.com',
      'Access-Control-Request-Method': 'POST',
      'Access-Control-Request-Headers': 'content-type',
    });

    expect(response.status).toBe(204);
    expect(response.headers).toMatchObject({
      'access-control-allow-origin': '*',
      'access-control-allow-methods': 'POST',
      'access-control-allow-headers': 'Authorization, Content-Encoding, Content-Type, X-Api-Key',
      'access-control-max-age': '86400',
    });
    expect(response.headers['access-control-allow-credentials']).toBeUndefined();
  }
});

test('a text/plain body is read as JSON on both routes', async () => {
  for (const [route, body] of [
    ['/event', event],
    ['/events', { events: [event] }],
  ] as const) {
    const response = await request(app)
      .post(route)
      .set({ Origin: 'https://example.com', 'Content-Type': 'text/plain;charset=UTF-8' })
      .send(JSON.stringify(body));
    expect(response.status).toBe(202);
  }
});
