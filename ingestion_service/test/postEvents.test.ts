import { useTestStack } from '@analytics/local-stack/testing/useTestStack';
import { waitUntil } from '@analytics/local-stack/testing/waitUntil';
import { deriveEventId } from '@analytics/shared/event/eventId';
import request from 'supertest';
import { beforeEach, expect, test } from 'vitest';
import { startApp } from './startApp.ts';

const { app, queue } = await startApp(useTestStack());

beforeEach(async () => {
  await queue.drain();
  await waitUntil(async () => (await request(app).get('/readyz')).status === 200);
});

const event = { site_id: 's', event_type: 'page_view', path: '/', timestamp: '2025-11-12T19:30:01Z' };

const post = (body: object | string, query = '') =>
  request(app)
    .post(`/events${query}`)
    .set('Content-Type', 'application/json')
    .send(typeof body === 'string' ? body : JSON.stringify(body));

test('a batch is answered with 202 and its size, and waits in the queue as one job', async () => {
  const response = await post({ events: [{ ...event, event_id: 'a' }, event, { ...event, user_id: 'ann' }] });

  const [job, ...others] = await queue.getJobs(['waiting']);
  const { event_id: _, ...stored } = { ...event, event_id: '', user_id: null as string | null };
  expect([response.status, response.text]).toEqual([202, '{"success":true,"accepted":3}']);
  expect(others).toEqual([]);
  expect([job?.name, job?.data]).toEqual([
    'ingest-batch',
    {
      events: [
        { ...stored, _id: deriveEventId('s', 'a') },
        { ...stored, _id: expect.stringMatching(/^[0-9a-f]{24}$/) },
        { ...stored, user_id: 'ann', _id: expect.stringMatching(/^[0-9a-f]{24}$/) },
      ],
    },
  ]);
});

test('a batch of 500 events is accepted', async () => {
  const response = await post({ events: Array(500).fill(event) });

  expect([response.status, response.body]).toEqual([202, { success: true, accepted: 500 }]);
});

test('an event is queued in the canonical spelling, and without a referrer that is not a URL', async () => {
  await post({ events: [{ ...event, timestamp: '20251112T193001,5Z', referrer: 'about:client' }, event] });

  const [job] = await queue.getJobs(['waiting']);
  const _id = expect.any(String);
  expect(job?.data.events).toEqual([
    { ...event, user_id: null, timestamp: '2025-11-12T19:30:01.500Z', _id },
    { ...event, user_id: null, _id },
  ]);
});

const invalidBatches: [name: string, body: object | string, fields: string[]][] = [
  ['not JSON', '{"events":[', ['body']],
  ['an array', [event], ['body']],
  ['a single event', event, ['events', 'site_id', 'event_type', 'path', 'timestamp']],
  ['no events', { events: [] }, ['events']],
  ['events that are none', { events: event }, ['events']],
  ['501 events', { events: Array(501).fill(event) }, ['events']],
  ['a field beside the events', { events: [event], site_id: 's' }, ['site_id']],
  [
    'several bad events among good ones',
    { events: [event, { ...event, path: '' }, event, 'nonsense', { ...event, siteId: 's', user_id: 7 }] },
    ['events.1.path', 'events.3', 'events.4.user_id', 'events.4.siteId'],
  ],
  [
    'an event too far ahead',
    { events: [event, { ...event, timestamp: '2025-11-14T19:30:01Z' }] },
    ['events.1.timestamp'],
  ],
];

test.each(invalidBatches)(
  '%s is refused with 400 that names every event at fault; nothing is queued',
  async (_name, body, fields) => {
    const response = await post(body);

    expect([response.status, response.type]).toEqual([400, 'application/problem+json']);
    expect(JSON.parse(response.text).errors).toEqual(
      fields.map((field) => ({ field, message: expect.any(String) })),
    );
    expect(await queue.count()).toBe(0);
  },
);

const mixed = [
  { ...event, event_id: 'a' },
  { ...event, path: '', user_id: 7, sessionId: 'x', id: 1 },
  'nonsense',
  { ...event, event_id: 'b' },
  { ...event, event: 1 },
];

test('with partial=true the valid events are queued as one job, and the others are listed', async () => {
  const response = await post({ events: mixed }, '?partial=true');

  const [job, ...others] = await queue.getJobs(['waiting']);
  expect([response.status, response.body]).toEqual([
    202,
    {
      success: true,
      accepted: 2,
      rejected: [
        {
          index: 1,
          errors: ['path', 'user_id', 'sessionId'].map((field) => ({ field, message: expect.any(String) })),
        },
        { index: 2, errors: [{ field: 'event', message: expect.any(String) }] },
        { index: 4, errors: [{ field: 'event', message: 'is not a known field' }] },
      ],
    },
  ]);
  expect(others).toEqual([]);
  expect(job?.data.events.map(({ _id }: { _id: string }) => _id)).toEqual([
    deriveEventId('s', 'a'),
    deriveEventId('s', 'b'),
  ]);
});

test('with partial=true a batch of valid events rejects none', async () => {
  const response = await post({ events: [event, event] }, '?partial=true');

  expect([response.status, response.body]).toEqual([202, { success: true, accepted: 2, rejected: [] }]);
});

const refusedPartially: [query: string, events: unknown[], fields: string[]][] = [
  ['?partial=true', ['nonsense', { ...event, path: '' }], ['events.0', 'events.1.path']],
  ['?partial=true', [], ['events']],
  ['?partial=false', [event, { ...event, event: 1 }], ['events.1.event']],
  ['?partial=yes', [event], ['partial']],
  ['?partial=', [event], ['partial']],
  ['?partial=true&partial=true', [event], ['partial']],
  ['?parital=true', [event], ['parital']],
  ['?partial=1&_=2', [event], ['partial', '_']],
];

test.each(refusedPartially)(
  '%s with %j is refused with 400; nothing is queued',
  async (query, events, fields) => {
    const response = await post({ events }, query);

    expect([response.status, response.type]).toEqual([400, 'application/problem+json']);
    expect(JSON.parse(response.text).errors).toEqual(
      fields.map((field) => ({ field, message: expect.any(String) })),
    );
    expect(await queue.count()).toBe(0);
  },
);

test('the answer to a rejected event contains the whole field name, also with multi-byte characters', async () => {
  const response = await post({ events: [event, { ...event, größe: 1 }] }, '?partial=true');

  expect(response.body.rejected).toEqual([
    { index: 1, errors: [{ field: 'größe', message: 'is not a known field' }] },
  ]);
});

test('the answer to 499 rejected events names each of them and has at most 300 KB', async () => {
  // The longest error there is: JSON writes each of these characters with six.
  const wrong = { ...event, properties: { ['\u0001'.repeat(65)]: 1, ['\u0002'.repeat(65)]: 1 } };

  const response = await post({ events: [event, ...Array(499).fill(wrong)] }, '?partial=true');

  expect([response.status, response.body.accepted, response.body.rejected.length]).toEqual([202, 1, 499]);
  expect(response.text.length).toBeGreaterThan(200_000);
  expect(response.text.length).toBeLessThan(300_000);
});

test('for an invalid batch of 500 events, the answer names each and is not much larger than the batch', async () => {
  const nonsense = Object.fromEntries(Array.from({ length: 20 }, (_, index) => [`field${index}`, index]));
  const body = JSON.stringify({ events: Array(500).fill(nonsense) });

  const response = await post(body);

  const named = new Set(
    JSON.parse(response.text).errors.map(({ field }: { field: string }) => field.split('.')[1]),
  );
  expect(named.size).toBe(500);
  expect(response.text.length).toBeLessThan(2 * body.length);
});

test('a batch over 512 KiB is refused with 413, one of 500 KiB is not too large', async () => {
  const large = { ...event, path: 'p'.repeat(2000), user_id: 'u'.repeat(256) };

  const tooLarge = await post({ events: Array(250).fill(large) });
  const fitting = await post({ events: Array(200).fill(large) });

  expect([tooLarge.status, fitting.status]).toEqual([413, 202]);
});

test('another method than POST is refused with 405', async () => {
  const response = await request(app).get('/events');

  expect([response.status, response.headers['allow']]).toEqual([405, 'POST, OPTIONS']);
});
