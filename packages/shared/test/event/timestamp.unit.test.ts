import fc from 'fast-check';
import { expect, test } from 'vitest';
import { isPlainTimestamp, normalizeTimestamp, parseTimestamp } from '../../src/event/timestamp.ts';

const accepted: [text: string, instant: string][] = [
  ['2025-11-12T19:30:01Z', '2025-11-12T19:30:01.000Z'],
  ['2025-11-12T19:30:01.5Z', '2025-11-12T19:30:01.500Z'],
  ['2025-11-12T19:30:01.987654321Z', '2025-11-12T19:30:01.987Z'],
  ['2025-11-12T19:30:01,999999999Z', '2025-11-12T19:30:01.999Z'],
  ['2025-11-12T19:30:01+05:30', '2025-11-12T14:00:01.000Z'],
  ['2025-11-12T19:30:01+0530', '2025-11-12T14:00:01.000Z'],
  ['2025-11-12T19:30:01+05', '2025-11-12T14:30:01.000Z'],
  ['2025-11-12T19:30:01-08', '2025-11-13T03:30:01.000Z'],
  ['2025-11-12T19:30:01-00:00', '2025-11-12T19:30:01.000Z'],
  ['2025-11-12T19:30:01\u221208:00', '2025-11-13T03:30:01.000Z'],
  ['2025-11-12T19:30:01+23:59', '2025-11-11T19:31:01.000Z'],
  ['2025-11-12t19:30:01z', '2025-11-12T19:30:01.000Z'],
  ['2025-11-12 19:30:01Z', '2025-11-12T19:30:01.000Z'],
  ['2025-11-12T19:30Z', '2025-11-12T19:30:00.000Z'],
  ['2025-11-12T19Z', '2025-11-12T19:00:00.000Z'],
  ['2025-11-12T19:30.25Z', '2025-11-12T19:30:15.000Z'],
  ['2025-11-12T19,5Z', '2025-11-12T19:30:00.000Z'],
  ['20251112T193001Z', '2025-11-12T19:30:01.000Z'],
  ['20251112T193001.250+0530', '2025-11-12T14:00:01.250Z'],
  ['20251112T1930Z', '2025-11-12T19:30:00.000Z'],
  ['20251112T19:30:01Z', '2025-11-12T19:30:01.000Z'],
  ['2025-316T19:30:01Z', '2025-11-12T19:30:01.000Z'],
  ['2025316T193001Z', '2025-11-12T19:30:01.000Z'],
  ['2024-366T00:00:00Z', '2024-12-31T00:00:00.000Z'],
  ['2025-W46-3T19:30:01Z', '2025-11-12T19:30:01.000Z'],
  ['2025W463T193001Z', '2025-11-12T19:30:01.000Z'],
  ['2020-W53-7T00:00:00Z', '2021-01-03T00:00:00.000Z'],
  ['2025-W01-1T00:00:00Z', '2024-12-30T00:00:00.000Z'],
  ['2025-11-12T24:00:00Z', '2025-11-13T00:00:00.000Z'],
  ['2025-12-31T24:00Z', '2026-01-01T00:00:00.000Z'],
  ['2016-12-31T23:59:60Z', '2016-12-31T23:59:59.999Z'],
  ['2016-12-31T23:59:60.75Z', '2016-12-31T23:59:59.999Z'],
  ['2017-01-01T05:29:60+05:30', '2016-12-31T23:59:59.999Z'],
  ['2024-02-29T00:00:00Z', '2024-02-29T00:00:00.000Z'],
  ['2000-02-29T23:59:59.999Z', '2000-02-29T23:59:59.999Z'],
  ['1970-01-01T00:00:00Z', '1970-01-01T00:00:00.000Z'],
  ['1969-12-31T23:00:00-01:00', '1970-01-01T00:00:00.000Z'],
  ['2099-12-31T23:59:59.999Z', '2099-12-31T23:59:59.999Z'],
];

test.each(accepted)('%s is %s', (text, instant) => {
  expect(new Date(parseTimestamp(text) ?? Number.NaN).toISOString()).toBe(instant);
  expect(new Date(normalizeTimestamp(text) ?? '').toISOString()).toBe(instant);
});

const refused = [
  '',
  'now',
  '2025',
  '2025-11',
  '2025-11-12',
  '2025-11-12T19:30:01',
  '2025-11-12T19:30',
  '20251112T193001',
  '2025-11-12T19:30:01[Europe/Berlin]',
  '2025-11-12T19:30:01Z[Europe/Berlin]',
  '2025-11-12T19:30:01 UTC',
  '2025-11-12T19:30:01 Z',
  '2025-11-12  19:30:01Z',
  ' 2025-11-12T19:30:01Z',
  '2025-11-12T19:30:01Z ',
  '2025-11-12T19:30:01Z\n',
  '2025-11-12T19:30:01.Z',
  '2025-11-12T19:30:01.1234567890Z',
  '2025-11-12T19.5:30Z',
  '2025-11-12T7:30:01Z',
  '2025-1112T19:30:01Z',
  '2025-11-12T19:3001Z',
  '2025-W463T19:30:01Z',
  '2025-W46T19:30:01Z',
  '2025-W46-0T19:30:01Z',
  '2025-W46-8T19:30:01Z',
  '2025-W53-1T19:30:01Z',
  '2025-W00-1T19:30:01Z',
  '2025-000T00:00:00Z',
  '2025-366T00:00:00Z',
  '2025-00-12T19:30:01Z',
  '2025-13-01T00:00:00Z',
  '2025-11-00T00:00:00Z',
  '2025-02-29T00:00:00Z',
  '2025-02-30T10:00:00Z',
  '2025-04-31T10:00:00Z',
  '20250230T100000Z',
  '2025-11-12T24:00:01Z',
  '2025-11-12T24:00:00.001Z',
  '2025-11-12T24:30Z',
  '2025-11-12T25:00:00Z',
  '2025-11-12T19:60:00Z',
  '2025-11-12T19:30:60Z',
  '2025-11-12T23:59:60Z',
  '2016-12-31T23:59:61Z',
  '2025-11-12T19:30:01+24:00',
  '2025-11-12T19:30:01+05:60',
  '2025-11-12T19:30:01+99:00',
  '2025-11-12T19:30:01+5',
  '2025-11-12T19:30:01+053',
  '٢٠٢٥-11-12T19:30:01Z',
  '0001-01-01T00:00:00Z',
  '1969-12-31T23:59:59.999Z',
  '1970-01-01T00:00:00+00:01',
  '2100-01-01T00:00:00Z',
  '+002025-11-12T19:30:01Z',
];

test.each(refused)('%j is not accepted', (text) => {
  expect([parseTimestamp(text), normalizeTimestamp(text), isPlainTimestamp(text)]).toEqual([
    undefined,
    undefined,
    false,
  ]);
});

test('a timestamp of 60,000 decimals is not accepted', () => {
  expect(parseTimestamp(`2025-11-12T19:30:01.${'0'.repeat(60_000)}Z`)).toBeUndefined();
});

const two = (value: number) => String(value).padStart(2, '0');

/** Writes an instant in one of the spellings that keep milliseconds. */
const spelling = fc
  .record({
    ms: fc.integer({ min: Date.UTC(1970, 0, 2), max: Date.UTC(2099, 11, 31) - 1 }),
    offsetMinutes: fc.integer({ min: -23 * 60 - 59, max: 23 * 60 + 59 }),
    isUtc: fc.boolean(),
    dash: fc.constantFrom('-', '-', ''),
    colon: fc.constantFrom(':', ':', ''),
    offsetColon: fc.constantFrom(':', ''),
    date: fc.constantFrom('calendar', 'calendar', 'ordinal'),
    separator: fc.constantFrom('T', 'T', 't', ' '),
    point: fc.constantFrom('.', '.', ','),
    more: fc.stringMatching(/^[0-9]{0,6}$/),
  })
  .map(({ ms, offsetMinutes, isUtc, dash, colon, offsetColon, date, separator, point, more }) => {
    const local = new Date(isUtc ? ms : ms + offsetMinutes * 60_000);
    const year = local.getUTCFullYear();
    const ordinal = Math.floor((local.getTime() - Date.UTC(year, 0, 1)) / 86_400_000) + 1;
    const day =
      date === 'ordinal'
        ? String(ordinal).padStart(3, '0')
        : [two(local.getUTCMonth() + 1), two(local.getUTCDate())].join(dash);
    const time = [local.getUTCHours(), local.getUTCMinutes(), local.getUTCSeconds()].map(two).join(colon);
    const decimals = String(local.getUTCMilliseconds()).padStart(3, '0') + more;
    const size = Math.abs(offsetMinutes);
    const offset = `${offsetMinutes < 0 ? '-' : '+'}${two(Math.floor(size / 60))}${offsetColon}${two(size % 60)}`;
    const text = `${year}${dash}${day}${separator}${time}${point}${decimals}${isUtc ? 'Z' : offset}`;
    return { ms, text };
  });

test('equivalent spellings are the same instant, and Date parses the usual ones', () => {
  let plain = 0;
  fc.assert(
    fc.property(spelling, ({ ms, text }) => {
      expect([text, parseTimestamp(text)]).toEqual([text, ms]);
      expect(Date.parse(normalizeTimestamp(text) ?? '')).toBe(ms);
      plain += Number(isPlainTimestamp(text));
    }),
    { numRuns: 3000 },
  );
  expect(plain).toBeGreaterThan(100);
});
