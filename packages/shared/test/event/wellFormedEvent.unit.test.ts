import fc from 'fast-check';
import { expect, test } from 'vitest';
import { eventInputSchema, eventJobSchema } from '../../src/event/event.ts';
import { toStoredReferrer } from '../../src/event/referrer.ts';
import { parseTimestamp } from '../../src/event/timestamp.ts';
import { isWellFormedEventInput, isWellFormedEventJob } from '../../src/event/wellFormedEvent.ts';

/** Texts that fit, and that don't: too long, empty, half a character, with a NUL; and what is no text. */
const field = (max: number) =>
  fc.oneof(
    { weight: 20, arbitrary: fc.string({ minLength: 1, maxLength: 8 }) },
    fc.constantFrom('', 'a\0b', '\ud800', 'x'.repeat(max), 'x'.repeat(max + 1)),
    fc.constantFrom(null, undefined, 7, true, {}, []),
  );

const timestamp = fc.oneof(
  { weight: 10, arbitrary: fc.date({ noInvalidDate: true }).map((date) => date.toISOString()) },
  fc.constantFrom(
    '2025-11-12T19:30:01+05:30',
    '2025-02-29T00:00:00Z',
    '2024-02-29T00:00:00Z',
    '2025-11-12T19:30Z',
    '2025-11-12T19:30:01.123456789Z',
    '2025-11-12T19:30:01.1234567890Z',
    '20251112T193001Z',
    '0001-01-01T00:00:00Z',
    '2025-11-12',
    'now',
    7,
  ),
);

const referrer = fc.oneof(
  { weight: 10, arbitrary: fc.webUrl() },
  fc.constantFrom('', '-', 'mailto:ann@example.com', 'https://', `https://a.example/${'x'.repeat(2048)}`),
  fc.constantFrom(null, undefined, 7, 'https://a.example/\0'),
);

const properties = fc.oneof(
  {
    weight: 10,
    arbitrary: fc.dictionary(
      fc.oneof({ weight: 9, arbitrary: fc.stringMatching(/^[A-Za-z0-9_-]{1,8}$/) }, fc.string()),
      fc.oneof(
        fc.string(),
        fc.double(),
        fc.boolean(),
        fc.constantFrom(2 ** 53, 'x'.repeat(1025), null, [], {}),
      ),
      { maxKeys: 3 },
    ),
  },
  fc.constantFrom(null, undefined, 7, [], 'text', Object.fromEntries([...Array(21).keys()].entries())),
);

const fields = {
  site_id: field(128),
  event_type: field(64),
  path: field(2048),
  user_id: field(256),
  timestamp,
  referrer,
  properties,
};
const stray = fc.constantFrom({}, {}, {}, {}, {}, { price: 1 }, { ['__proto__']: 1 });

/** As JSON brings it: fields that are undefined are not there. */
const fromJson = (value: unknown) => JSON.parse(JSON.stringify(value));

/** A job may keep a referrer that the schema drops: it is not stored. */
function dropUnstorableReferrer(value: { referrer?: string | null | undefined }): object {
  return value.referrer ? { ...value, referrer: toStoredReferrer(value.referrer) } : value;
}

test('the schema returns every well-formed event unchanged and refuses none of them', () => {
  const input = fc.record({ ...fields, event_id: field(128) }, { requiredKeys: [] });
  const job = fc.record(
    { ...fields, _id: fc.constantFrom('0'.repeat(24), 'f'.repeat(24), 'F'.repeat(24), '0', 7) },
    { requiredKeys: [] },
  );
  for (const [arbitrary, isPlain, schema, expected] of [
    [input, isWellFormedEventInput, eventInputSchema, (value: object) => value],
    [job, isWellFormedEventJob, eventJobSchema, dropUnstorableReferrer],
  ] as const) {
    fc.assert(
      fc.property(arbitrary, stray, (generated, more) => {
        const value = fromJson({ ...generated, ...more });
        if (isPlain(value)) {
          expect(schema.safeParse(value)).toEqual({ success: true, data: expected(value) });
          expect(Date.parse(value.timestamp)).toBe(parseTimestamp(value.timestamp));
        }
      }),
      { numRuns: 3000 },
    );
  }
});

test.each([
  [{ site_id: 's', event_type: 'e', path: '/', timestamp: '2025-11-12T19:30:01Z' }, isWellFormedEventInput],
  [
    {
      site_id: 's',
      event_type: 'e',
      path: '/',
      user_id: 'u',
      event_id: 'i',
      timestamp: '2025-11-12T19:30:01Z',
      referrer: 'https://news.example/today?page=2',
      properties: { plan: 'pro', seats: 3, is_trial: false },
    },
    isWellFormedEventInput,
  ],
  [
    {
      _id: '0'.repeat(24),
      site_id: 's',
      event_type: 'e',
      path: '/',
      user_id: null,
      timestamp: '2025-11-12T19:30:01.5+01:00',
    },
    isWellFormedEventJob,
  ],
])('a usual event is well-formed: %j', (value, isPlain) => {
  expect(isPlain(value)).toBe(true);
});

test.each([null, undefined, 7, 'text', [], [1], {}])('%j is not an event', (value) => {
  expect([isWellFormedEventInput(value), isWellFormedEventJob(value)]).toEqual([false, false]);
});
