import { useTestStack } from '@analytics/local-stack/testing/useTestStack';
import { waitUntil } from '@analytics/local-stack/testing/waitUntil';
import { createKey } from '@analytics/sites/apiKey';
import { createSiteCopy } from '@analytics/sites/siteCopy';
import request from 'supertest';
import { expect, test } from 'vitest';
import { NOW, startApp } from '../startApp.ts';

const stack = useTestStack();
const settings = {
  AUTH_MODE: 'keys',
  TRUST_PROXY: '1',
  EVENTS_PER_MINUTE_AND_KEY: '5',
  EVENTS_PER_MINUTE_AND_SITE: '8',
  REQUESTS_PER_MINUTE_AND_ADDRESS: '10',
};
// Two services of one queue; the clock stands still, so the minute does not end.
const { app, queue, redis } = await startApp(stack, {}, settings);
const second = await startApp(stack, {}, settings);
const write = createKey('write');
const other = createKey('write');
await createSiteCopy(redis, { queueName: stack.QUEUE_NAME, queuePrefix: stack.QUEUE_PREFIX }).write({
  sites: ['a', 'b', 'c'].map((id) => ({ id, names: [id], domains: [`${id}.example`] })),
  keys: [
    { hash: write.hash, kind: 'write', site_id: 'a', expiresAtMs: null },
    { hash: other.hash, kind: 'write', site_id: 'a', expiresAtMs: null },
  ],
});
for (const service of [app, second.app]) {
  await waitUntil(async () => (await request(service).get('/readyz')).status === 200);
}

const event = (site_id: string) => ({
  site_id,
  event_type: 'page_view',
  path: '/',
  timestamp: '2025-11-12T19:30:01Z',
});

function post(service: typeof app, headers: Record<string, string>, site_id = 'a', count = 1) {
  const events = Array.from({ length: count }, () => event(site_id));
  return request(service).post('/events').set(headers).send({ events });
}

test('a key has its limit across both services, and the site has its own', async () => {
  const headers = (key: string, client: string) => ({ 'X-Api-Key': key, 'X-Forwarded-For': client });

  const first = await post(app, headers(write.key, '192.0.2.1'), 'a', 4);
  const refused = await post(second.app, headers(write.key, '192.0.2.2'), 'a', 2);
  const last = await post(second.app, headers(write.key, '192.0.2.2'), 'a', 1);
  expect([first.status, refused.status, last.status]).toEqual([202, 429, 202]);

  const seconds = Math.ceil((60_000 - (NOW % 60_000)) / 1000);
  expect(refused.headers).toMatchObject({
    'retry-after': String(seconds),
    'ratelimit-policy': '"events-per-key";q=5;w=60',
    ratelimit: expect.stringMatching(/^"events-per-key";r=\d+;t=\d+$/),
    'access-control-allow-origin': '*',
  });
  expect(JSON.parse(refused.text).detail).toBe(
    `Too many requests: the limit events-per-key is 5 in 60 seconds. Try again in ${seconds} s.`,
  );

  // Five of the site's eight events are used.
  const page = await post(app, { Origin: 'https://a.example', 'X-Forwarded-For': '192.0.2.3' }, 'a', 3);
  const full = await post(app, headers(other.key, '192.0.2.4'), 'a', 1);
  expect([page.status, full.status, full.headers['ratelimit-policy']]).toEqual([
    202,
    429,
    '"events-per-site";q=8;w=60',
  ]);
  expect(await queue.count()).toBe(3);
});

test('a client address has its limit, whatever it forges and however its requests end', async () => {
  const send = (forged: string) =>
    post(app, { Origin: 'https://b.example', 'X-Forwarded-For': `${forged}, 198.51.100.7` }, 'no-site');
  const statuses: number[] = [];
  for (let index = 0; index < 11; index++) {
    statuses.push((await send(`203.0.113.${index}`)).status);
  }

  expect(statuses).toEqual([...Array.from({ length: 10 }, () => 403), 429]);
  const keys = await redis.keys(`${stack.QUEUE_PREFIX}:*:limits:*`);
  expect(keys.length).toBeGreaterThan(0);
  expect(keys.join()).not.toMatch(/198\.51|203\.0/);
  for (const key of keys) {
    expect(await redis.pttl(key)).toBeGreaterThan(0);
  }
});

test('the addresses of one IPv6 network are one client, and mapped IPv4 addresses are several', async () => {
  const send = (client: string) =>
    post(app, { Origin: 'https://b.example', 'X-Forwarded-For': client }, 'no-site');
  const statuses: number[] = [];
  for (let index = 0; index < 11; index++) {
    statuses.push((await send(`2001:db8:1:12${index.toString(16).padStart(2, '0')}::${index}`)).status);
  }
  expect(statuses.at(-1)).toBe(429);
  expect((await send('::ffff:192.0.2.77')).status).toBe(403);
  expect((await send('::ffff:192.0.2.78')).status).toBe(403);
});
