import { useTestStack } from '@analytics/local-stack/testing/useTestStack';
import { waitUntil } from '@analytics/local-stack/testing/waitUntil';
import { createKey } from '@analytics/sites/apiKey';
import { createSiteCopy } from '@analytics/sites/siteCopy';
import request from 'supertest';
import { expect, test } from 'vitest';
import { startApp } from '../startApp.ts';

const stack = useTestStack();
const { app, queue, redis } = await startApp(stack);
const copy = createSiteCopy(redis, { queueName: stack.QUEUE_NAME, queuePrefix: stack.QUEUE_PREFIX });
const event = { site_id: 'a', event_type: 'page_view', path: '/', timestamp: '2025-11-12T19:30:01Z' };

await waitUntil(async () => (await request(app).get('/readyz')).status === 200);

test.each([
  ['no key', {}, event],
  ['an invalid key', { Authorization: 'Bearer secret' }, event],
  ['another scheme', { Authorization: 'Basic YTpi' }, event],
  ['an unknown origin', { Origin: 'https://evil.example' }, event],
  ['a key in the body', {}, { ...event, key: createKey('read').key }],
])('with AUTH_MODE=open, an event with %s is accepted', async (_name, headers, body) => {
  await queue.drain();
  const response = await request(app).post('/event').set(headers).send(body);

  expect([response.status, response.body]).toEqual([202, { success: true }]);
  const [job] = await queue.getWaiting();
  expect(job?.data).toEqual({
    ...event,
    _id: expect.any(String),
    timestamp: expect.any(String),
    user_id: null,
  });
});

test('with AUTH_MODE=open, an alias names its site once the site is known', async () => {
  await copy.write({ sites: [{ id: 'a', names: ['a', 'alias'], domains: [] }], keys: [] });

  const stored = await waitUntil(async () => {
    await queue.drain();
    await request(app)
      .post('/event')
      .send({ ...event, site_id: 'alias' });
    const [job] = await queue.getWaiting();
    return job?.data.site_id === 'a';
  });
  expect(stored).toBe(true);
});
