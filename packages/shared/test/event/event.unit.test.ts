import { createHash } from 'node:crypto';
import { Types } from 'mongoose';
import { expect, test } from 'vitest';
import { eventInputSchema, toEventJob } from '../../src/event/event.ts';
import { createEventId, deriveEventId } from '../../src/event/eventId.ts';

const input = {
  site_id: 'site-abc-123',
  event_type: 'page_view',
  path: '/pricing',
  user_id: 'user-xyz-789',
  timestamp: '2025-11-12T19:30:01Z',
};

test('an event with an event_id has the same _id every time, by the first 12 bytes of SHA-256', () => {
  const expected = createHash('sha256')
    .update('site-abc-123')
    .update(Buffer.of(0))
    .update('order-1')
    .digest();

  const jobs = [1, 2].map(() => toEventJob({ ...input, event_id: 'order-1' }));

  expect(jobs.map(({ _id }) => _id)).toEqual([1, 2].map(() => expected.subarray(0, 12).toString('hex')));
});

test('the same event_id in two sites gives two _ids', () => {
  expect(deriveEventId('a', 'order-1')).not.toBe(deriveEventId('b', 'order-1'));
});

test('an event without an event_id gets a new _id', () => {
  expect(toEventJob(input)._id).not.toBe(toEventJob(input)._id);
});

test('a new _id is an ObjectId that contains its second', () => {
  const id = createEventId(Date.UTC(2025, 10, 12, 19, 30, 1, 987));

  expect(new Types.ObjectId(id).getTimestamp()).toEqual(new Date('2025-11-12T19:30:01Z'));
});

test('100,000 new _ids of one second are all different', () => {
  const ids = Array.from({ length: 100_000 }, () => createEventId(0));

  expect(new Set(ids).size).toBe(100_000);
});

test('a queued event contains only the stored fields; a missing user is null', () => {
  const { user_id: _, ...anonymous } = input;

  expect(toEventJob({ ...anonymous, event_id: 'order-1' })).toEqual({
    ...anonymous,
    _id: deriveEventId('site-abc-123', 'order-1'),
    user_id: null,
  });
});

const accepted: [string, object][] = [
  ['a user of null', { user_id: null }],
  ['an offset', { timestamp: '2025-11-12T19:30:01+05:30' }],
  ['fractions of a second', { timestamp: '2025-11-12T19:30:01.123456Z' }],
  ['the 29th of February of a leap year', { timestamp: '2024-02-29T00:00:00Z' }],
  ['a moment long ago', { timestamp: '1970-01-01T00:00:00Z' }],
  ['fields of their greatest length', lengths(128, 64, 2048, 256, 128)],
  [
    'names that JavaScript objects are born with',
    { site_id: '__proto__', path: 'constructor', user_id: 'toString' },
  ],
  ['text outside the Latin alphabet', { path: '/价格/🎈' }],
  ['no referrer and no properties, said by null', { referrer: null, properties: null }],
  ['the referrer of an app', { referrer: 'android-app://com.example.reader/' }],
  [
    'the largest numbers that JSON carries',
    { properties: { most: 2 ** 53 - 1, least: 1 - 2 ** 53, half: 0.5 } },
  ],
  ['no properties', { properties: {} }],
  [
    'as many properties as there may be, each of its greatest length',
    {
      properties: Object.fromEntries(
        Array.from({ length: 20 }, (_, index) => [String(index).padStart(64, 'k'), 'v'.repeat(1024)]),
      ),
    },
  ],
  [
    'names of properties that JavaScript objects are born with',
    { properties: { constructor: 1, toString: 'x' } },
  ],
];

test.each(accepted)('%s is accepted', (_name, change) => {
  expect(eventInputSchema.safeParse({ ...input, ...change })).toMatchObject({ success: true });
});

const refused: [string, object, string][] = [
  ['site_id of 129 characters', lengths(129, 1, 1, 1, 1), 'site_id'],
  ['event_type of 65', lengths(1, 65, 1, 1, 1), 'event_type'],
  ['path of 2049', lengths(1, 1, 2049, 1, 1), 'path'],
  ['user_id of 257', lengths(1, 1, 1, 257, 1), 'user_id'],
  ['event_id of 129', lengths(1, 1, 1, 1, 129), 'event_id'],
  ['event_id of null', { event_id: null }, 'event_id'],
  ['a NUL, which would blur the border between site_id and event_id', { site_id: 'a\0b' }, 'site_id'],
  ['half a character, which MongoDB would replace', { user_id: '\ud800' }, 'user_id'],
  ['a second that does not exist', { timestamp: '2025-11-12T19:30:60Z' }, 'timestamp'],
  ['a referrer that is no text', { referrer: { href: 'https://a.example/' } }, 'referrer'],
  ['an offset that does not exist', { timestamp: '2025-11-12T19:30:01+99:00' }, 'timestamp'],
];

test.each(refused)('%s is refused', (_name, change, field) => {
  const result = eventInputSchema.safeParse({ ...input, ...change });

  expect(result.error?.issues.map(({ path }) => path)).toEqual([[field]]);
});

const badProperties: [string, unknown, (string | number)[]][] = [
  ['a list', ['pro'], []],
  ['a text', 'pro', []],
  ['21 of them', Object.fromEntries(Array.from({ length: 21 }, (_, index) => [`k${index}`, 1])), []],
  ['an empty name', { '': 1 }, ['']],
  ['a dot in a name', { 'a.b': 1 }, ['a.b']],
  ['an operator for a name', { $where: 1 }, ['$where']],
  ['a name of 65', { ['k'.repeat(65)]: 1 }, ['k'.repeat(65)]],
  ['__proto__ for a name', JSON.parse('{"__proto__": 1}'), ['__proto__']],
  ['_bsontype for a name', { _bsontype: 'x' }, ['_bsontype']],
  ['an order whose number JSON does not carry', JSON.parse('{"order": 9007199254740993}'), ['order']],
  ['the same below zero', JSON.parse('{"order": -9007199254740993}'), ['order']],
  ['the first whole number with a neighbour that is read as it', { order: 2 ** 53 }, ['order']],
  ['a value of 1025', { plan: 'v'.repeat(1025) }, ['plan']],
  ['a value of null', { plan: null }, ['plan']],
  ['an object for a value', { plan: {} }, ['plan']],
  ['a list for a value', { plan: [] }, ['plan']],
  ['a number too large for a double', JSON.parse('{"seats": 1e999}'), ['seats']],
  ['a NUL in a value', { plan: 'a\0b' }, ['plan']],
];

test.each(badProperties)('%s among the properties is refused', (_name, properties, path) => {
  const result = eventInputSchema.safeParse({ ...input, properties });

  expect(result.error?.issues.map((issue) => issue.path)).toEqual([['properties', ...path]]);
});

test('optional fields are queued only if the event has them', () => {
  const more = { referrer: 'https://News.example:8080/today', properties: { plan: 'pro', seats: 3 } };

  expect(toEventJob({ ...input, ...more })).toMatchObject(more);
  expect(Object.keys(toEventJob({ ...input, referrer: null, properties: null }))).toEqual(
    Object.keys(toEventJob(input)),
  );
});

test.each([
  ['20251112T193001Z', '2025-11-12T19:30:01.000Z'],
  ['2025-11-12 19:30:01.9999+0530', '2025-11-12T14:00:01.999Z'],
  ['2025-11-12T19:30:01.5+05:30', '2025-11-12T19:30:01.5+05:30'],
])('the schema returns the timestamp %s in a spelling that Date parses', (timestamp, normalized) => {
  expect(eventInputSchema.parse({ ...input, timestamp }).timestamp).toBe(normalized);
});

test.each([
  ['', undefined],
  ['about:client', undefined],
  [`https://a.example/${'x'.repeat(2031)}`, 'https://a.example/'],
])('an event with an unusable referrer is accepted without it (%#)', (referrer, stored) => {
  expect(eventInputSchema.parse({ ...input, referrer }).referrer).toBe(stored);
});

test.each(Object.keys(eventInputSchema.shape))(
  '%s cannot fill a body: what comes out of the schema is short',
  (field) => {
    const filling = 'x'.repeat(60_000);
    const values = [
      filling,
      `2025-11-12T19:30:01.${'0'.repeat(60_000)}Z`,
      `https://a.example/${filling}`,
      `https://${filling}/`,
      { [filling]: 1 },
      { key: filling },
    ];

    for (const value of values) {
      const { data = '' } = eventInputSchema.safeParse({ ...input, [field]: value });
      expect(JSON.stringify(data).length).toBeLessThan(1000);
    }
  },
);

function lengths(site: number, type: number, path: number, user: number, event: number) {
  return {
    site_id: 's'.repeat(site),
    event_type: 't'.repeat(type),
    path: 'p'.repeat(path),
    user_id: 'u'.repeat(user),
    event_id: 'e'.repeat(event),
  };
}
