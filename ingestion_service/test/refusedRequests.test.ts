import request from 'supertest';
import { expect, test } from 'vitest';
import { event, startPosting } from './startPosting.ts';

const { app, queue, post } = await startPosting();

const without = (field: keyof typeof event) => ({ ...event, [field]: undefined });
const operator = { $ne: null };

const invalidBodies: [name: string, body: string | object, fields: string[]][] = [
  ['not JSON', '{"site_id":', ['body']],
  ['an empty body', '', ['body']],
  ['an array', [event], ['body']],
  ['a string', '"event"', ['body']],
  ['null', 'null', ['body']],
  ['a number', '7', ['body']],
  ['an object without any field', {}, ['site_id', 'event_type', 'path', 'timestamp']],

  ['no site_id', without('site_id'), ['site_id']],
  ['no event_type', without('event_type'), ['event_type']],
  ['no path', without('path'), ['path']],
  ['no timestamp', without('timestamp'), ['timestamp']],

  ['an empty site_id', { ...event, site_id: '' }, ['site_id']],
  ['an empty event_type', { ...event, event_type: '' }, ['event_type']],
  ['an empty path', { ...event, path: '' }, ['path']],
  ['an empty user_id', { ...event, user_id: '' }, ['user_id']],
  ['an empty timestamp', { ...event, timestamp: '' }, ['timestamp']],
  ['an empty event_id', { ...event, event_id: '' }, ['event_id']],

  ['a number as site_id', { ...event, site_id: 7 }, ['site_id']],
  ['an array as event_type', { ...event, event_type: ['page_view'] }, ['event_type']],
  ['a boolean as path', { ...event, path: true }, ['path']],
  ['an object as user_id', { ...event, user_id: {} }, ['user_id']],
  ['a number as timestamp', { ...event, timestamp: 1762975801000 }, ['timestamp']],
  ['null as site_id', { ...event, site_id: null }, ['site_id']],
  ['null as event_id', { ...event, event_id: null }, ['event_id']],

  ['a site_id that is too long', { ...event, site_id: 's'.repeat(129) }, ['site_id']],
  ['an event_type that is too long', { ...event, event_type: 't'.repeat(65) }, ['event_type']],
  ['a path that is too long', { ...event, path: `/${'p'.repeat(2048)}` }, ['path']],
  ['a user_id that is too long', { ...event, user_id: 'u'.repeat(257) }, ['user_id']],
  ['an event_id that is too long', { ...event, event_id: 'e'.repeat(129) }, ['event_id']],

  ['a 13th month', { ...event, timestamp: '2025-13-01T00:00:00Z' }, ['timestamp']],
  ['a 30th of February', { ...event, timestamp: '2025-02-30T10:00:00Z' }, ['timestamp']],
  ['a word for a time', { ...event, timestamp: 'yesterday' }, ['timestamp']],
  ['a date without a time', { ...event, timestamp: '2025-11-12' }, ['timestamp']],
  ['a time without a zone', { ...event, timestamp: '2025-11-12T19:30:01' }, ['timestamp']],
  ['a time two days ahead', { ...event, timestamp: '2025-11-14T19:30:01Z' }, ['timestamp']],

  [
    'a time with 60,000 decimals',
    { ...event, timestamp: `2025-11-12T19:30:01.${'0'.repeat(60_000)}Z` },
    ['timestamp'],
  ],
  ['a time before EVENT_MIN_DATE', { ...event, timestamp: '1999-12-31T23:59:59Z' }, ['timestamp']],
  ['a time of the year 1', { ...event, timestamp: '0001-01-01T00:00:00Z' }, ['timestamp']],

  ['a number as referrer', { ...event, referrer: 7 }, ['referrer']],
  ['an object as referrer', { ...event, referrer: { href: 'https://a.example/' } }, ['referrer']],
  ['a list for properties', { ...event, properties: [] }, ['properties']],
  ['a list for a property', { ...event, properties: { plan: [] } }, ['properties.plan']],
  [
    'a property that bson takes for a type',
    { ...event, properties: { _bsontype: 'x' } },
    ['properties._bsontype'],
  ],
  [
    'a whole number that JSON does not carry',
    JSON.stringify({ ...event, properties: { order: 0 } }).replace(':0}', ':9007199254740993}'),
    ['properties.order'],
  ],
  ['an operator as a property', { ...event, properties: operator }, ['properties.$ne']],

  ['an unknown field', { ...event, sessionId: 'x' }, ['sessionId']],
  ['a field that is misspelt', { ...event, site_id: undefined, siteId: 'x' }, ['site_id', 'siteId']],
  ['an operator as a field', { ...event, $ne: null }, ['$ne']],
  ['an operator as site_id', { ...event, site_id: operator }, ['site_id']],
  ['an operator as event_type', { ...event, event_type: operator }, ['event_type']],
  ['an operator as path', { ...event, path: operator }, ['path']],
  ['an operator as user_id', { ...event, user_id: operator }, ['user_id']],
  ['an operator as timestamp', { ...event, timestamp: operator }, ['timestamp']],
  ['an operator as event_id', { ...event, event_id: operator }, ['event_id']],
  ['__proto__ as a field', `{"__proto__":{"site_id":"x"},${JSON.stringify(event).slice(1)}`, ['__proto__']],
  ...Object.keys({ ...event, event_id: '' }).map((field): [string, string, string[]] => [
    `an object with __proto__ as ${field}`,
    JSON.stringify({ ...event, [field]: 0 }).replace(`"${field}":0`, `"${field}":{"__proto__":"x"}`),
    [field],
  ]),
  [
    'an object nested 10,000 deep',
    `${'{"a":'.repeat(10_000)}1${'}'.repeat(10_000)}`,
    ['site_id', 'event_type', 'path', 'timestamp', 'a'],
  ],
];

test.each(invalidBodies)(
  '%s is refused with 400 that names the field; nothing is queued',
  async (_name, body, fields) => {
    const response = await post(body);

    expect(response.status).toBe(400);
    expect(response.type).toBe('application/problem+json');
    expect(JSON.parse(response.text)).toEqual({
      type: 'about:blank',
      title: 'Bad Request',
      status: 400,
      detail: expect.stringContaining(fields[0] ?? ''),
      // In the words of this service, not those of zod.
      errors: fields.map((field) => ({ field, message: expect.not.stringContaining('Invalid input') })),
    });
    await expectToGoOn();
  },
);

test('bytes that are not UTF-8 are refused', async () => {
  const response = await request(app)
    .post('/event')
    .set('Content-Type', 'application/json')
    .serialize((body) => body)
    .send(
      Buffer.concat([
        Buffer.from(JSON.stringify(event).slice(0, -2)),
        Buffer.of(0xff),
        Buffer.from('"}'),
      ]) as never,
    );

  expect([response.status, JSON.parse(response.text).errors]).toEqual([
    400,
    [{ field: 'body', message: 'is not valid UTF-8' }],
  ]);
  await expectToGoOn();
});

test('the errors for a timestamp and a number say what to send instead', async () => {
  const body = JSON.stringify({ ...event, timestamp: '2025-11-12T19:30', properties: { order: 0 } });

  const response = await post(body.replace(':0}', ':9007199254740993}'));

  expect(JSON.parse(response.text).errors).toEqual([
    {
      field: 'timestamp',
      message:
        'must be an ISO 8601 date and time with Z or an offset and at most 9 decimals, from 1970 to 2099, such as 2025-11-12T19:30:01Z',
    },
    {
      field: 'properties.order',
      message:
        'must be sent as text, because JSON does not carry whole numbers beyond 9007199254740991 exactly',
    },
  ]);
});

test('a thousand unknown fields get a short answer', async () => {
  const unknown = Object.fromEntries(Array.from({ length: 1000 }, (_, index) => [`field${index}`, 1]));

  const response = await post({ ...event, ...unknown });

  expect([response.status, JSON.parse(response.text).errors.length]).toEqual([400, 20]);
});

const invalidRequests: [name: string, send: () => request.Test, status: number, headers: object][] = [
  ['a body over 64 KiB', () => post({ ...event, path: 'p'.repeat(64 * 1024) }), 413, { connection: 'close' }],
  ['HTML', () => post('x').set('Content-Type', 'text/html'), 415, { accept: 'application/json, text/plain' }],
  ['a form', () => post('site_id=x').set('Content-Type', 'application/x-www-form-urlencoded'), 415, {}],
  [
    'JSON in another charset',
    () => post(event).set('Content-Type', 'application/json; charset=utf-16'),
    415,
    {},
  ],
  [
    'JSON in two charsets',
    () => post(event).set('Content-Type', 'application/json; charset=utf-8; charset="iso-8859-1"'),
    415,
    {},
  ],
  ['what only begins like JSON', () => post(event).set('Content-Type', 'application/jsonlines'), 415, {}],
  ['a body without a content type', () => request(app).post('/event'), 415, {}],
  ['GET /event', () => request(app).get('/event'), 405, { allow: 'POST, OPTIONS' }],
  ['PUT /event', () => request(app).put('/event').send(event), 405, { allow: 'POST, OPTIONS' }],
  ['DELETE /event', () => request(app).delete('/event'), 405, { allow: 'POST, OPTIONS' }],
  ['POST /readyz', () => request(app).post('/readyz'), 405, { allow: 'GET, HEAD' }],
  ['an unknown route', () => request(app).post('/track').send(event), 404, {}],
];

test.each(invalidRequests)('%s is refused; nothing is queued', async (_name, send, status, headers) => {
  const response = await send();

  expect([response.status, response.type]).toEqual([status, 'application/problem+json']);
  expect(response.headers).toMatchObject(headers);
  expect(JSON.parse(response.text)).toEqual({
    type: 'about:blank',
    title: expect.any(String),
    status,
    detail: expect.stringMatching(/^[A-Z].+\.$/),
  });
  await expectToGoOn();
});

async function expectToGoOn() {
  expect(await queue.count()).toBe(0);
  expect((await post(event)).status).toBe(202);
}
