import { deriveEventId } from '@analytics/shared/event/eventId';
import request from 'supertest';
import { expect, test } from 'vitest';
import { event, startPosting } from './startPosting.ts';

const { app, queue, post } = await startPosting();

test('an event is answered with 202 and waits in the queue with its identity fixed', async () => {
  const response = await post(event);

  const [job, ...others] = await queue.getJobs(['waiting']);
  expect([response.status, response.text]).toEqual([202, '{"success":true}']);
  expect(others).toEqual([]);
  expect([job?.name, job?.data]).toEqual([
    'ingest-event',
    { ...event, _id: expect.stringMatching(/^[0-9a-f]{24}$/) },
  ]);
});

test('an event with an event_id has its _id from it', async () => {
  await post({ ...event, event_id: 'order-1' });

  const [job] = await queue.getJobs(['waiting']);
  expect(job?.data).toEqual({ ...event, _id: deriveEventId('site-abc-123', 'order-1') });
});

test('no text of a client becomes the id of a job', async () => {
  await post({ ...event, event_id: 'wait' });
  await post({ ...event, event_id: 'meta' });

  expect(await queue.getWaitingCount()).toBe(2);
});

test.each([
  'application/json',
  'application/json; charset=utf-8',
  'Application/JSON;charset="UTF-8"',
  'application/json; charset=utf8',
  "application/json; charset='utf-8'",
  'application/json; charset=us-ascii',
  'application/json; charset=',
  'application/json; charset=utf-8,',
  'application/json;',
  'application/json ; ',
  'application/json; profile="https://example.org/a;b"; charset=utf-8; odd',
])('the content type %s is JSON', async (type) => {
  const response = await request(app).post('/event').set('Content-Type', type).send(JSON.stringify(event));

  expect(response.status).toBe(202);
});

const normalizedFields: [sent: object, queued: object][] = [
  [{ timestamp: '2025-11-12T19:30:01+05:30' }, { timestamp: '2025-11-12T19:30:01+05:30' }],
  [{ timestamp: '20251112T193001+0530' }, { timestamp: '2025-11-12T14:00:01.000Z' }],
  [{ timestamp: '2025-11-12 19:30:01z' }, { timestamp: '2025-11-12T19:30:01.000Z' }],
  [{ timestamp: '2025-W46-3T19:30Z' }, { timestamp: '2025-11-12T19:30:00.000Z' }],
  ...['', '-', 'about:client', 'http://', 'news.example/page'].map((referrer): [object, object] => [
    { referrer },
    {},
  ]),
  [{ referrer: null }, {}],
  [{ referrer: 'android-app://com.Slack/' }, { referrer: 'android-app://com.Slack/' }],
  [{ referrer: `https://news.example/${'x'.repeat(3000)}` }, { referrer: 'https://news.example/' }],
];

test.each(normalizedFields)('%j is accepted and queued as %j', async (sent, queued) => {
  const response = await post({ ...event, ...sent });

  const [job] = await queue.getJobs(['waiting']);
  expect([response.status, job?.data]).toEqual([202, { ...event, _id: expect.any(String), ...queued }]);
});

test('an event is accepted with any query string, which clients use against caches', async () => {
  const response = await request(app).post('/event?_=1762975801000').send(event);

  expect([response.status, response.body]).toEqual([202, { success: true }]);
});

test.each([
  [65_536, 400],
  [65_537, 413],
])('a body of %i bytes is answered with %i: the limit is 64 KiB', async (bytes, status) => {
  const body = JSON.stringify({ ...event, path: '' });

  const response = await post(body.replace('"path":""', `"path":"${'p'.repeat(bytes - body.length)}"`));

  expect(response.status).toBe(status);
});

test('a job has five attempts, and is removed on success and kept on failure', async () => {
  await post(event);

  const [job] = await queue.getJobs(['waiting']);
  expect(job?.opts).toMatchObject({
    attempts: 5,
    backoff: { type: 'exponential', delay: 1000, jitter: 0.5 },
    removeOnComplete: true,
    removeOnFail: false,
  });
});
