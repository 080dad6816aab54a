import { expect, test } from 'vitest';
import {
  type DayRange,
  findPrevious,
  findPreviousSpan,
  formatLocal,
  resolveRange,
  toSpan,
} from '../../src/query/timeRange.ts';

/** Noon of a Wednesday in UTC; in Auckland it is already the next day. */
const NOW_MS = Date.parse('2025-11-12T12:00:00Z');

const describeDays = (query: Parameters<typeof resolveRange>[0], nowMs = NOW_MS) => {
  const { days } = resolveRange(query, nowMs);
  return days && [String(days.firstDay), String(days.lastDay)];
};

test.each([
  ['today', undefined, ['2025-11-12', '2025-11-12']],
  ['today', 'Pacific/Auckland', ['2025-11-13', '2025-11-13']],
  ['yesterday', undefined, ['2025-11-11', '2025-11-11']],
  ['7d', undefined, ['2025-11-06', '2025-11-12']],
  ['30d', undefined, ['2025-10-14', '2025-11-12']],
  ['90d', undefined, ['2025-08-15', '2025-11-12']],
  ['12mo', undefined, ['2024-12-01', '2025-11-12']],
  ['year', undefined, ['2025-01-01', '2025-11-12']],
  ['all', undefined, undefined],
] as const)('the period %s in the zone %s', (period, tz, days) => {
  expect(describeDays({ period, tz })).toEqual(days);
});

test('twelve months up to a 31st begin with the first of a month', () => {
  expect(describeDays({ period: '12mo' }, Date.parse('2025-01-31T12:00:00Z'))).toEqual([
    '2024-02-01',
    '2025-01-31',
  ]);
});

const HOUR_MS = 3_600_000;

test.each([
  ['2025-11-12', 'UTC', '2025-11-12T00:00:00Z', 24],
  ['2025-11-12', 'Asia/Kolkata', '2025-11-11T18:30:00Z', 24],
  ['2025-03-30', 'Europe/Berlin', '2025-03-29T23:00:00Z', 23],
  ['2025-10-26', 'Europe/Berlin', '2025-10-25T22:00:00Z', 25],
  // Half an hour is put forward.
  ['2025-10-05', 'Australia/Lord_Howe', '2025-10-04T13:30:00Z', 23.5],
  // There is no midnight: the clocks are put forward then, and the day begins at one.
  ['2025-09-07', 'America/Santiago', '2025-09-07T04:00:00Z', 23],
  // There are two midnights: at one the clocks are put back, and the day begins with the first.
  ['2025-11-02', 'America/Havana', '2025-11-02T04:00:00Z', 25],
  // Samoa left this day out, so it has no time at all.
  ['2011-12-30', 'Pacific/Apia', '2011-12-30T10:00:00Z', 0],
])('the day %s in %s begins at %s and has %d hours', (date, tz, start, hours) => {
  const span = toSpan(resolveRange({ date, tz }, NOW_MS));

  expect(span).toEqual({ startMs: Date.parse(start), endMs: Date.parse(start) + hours * HOUR_MS });
});

test('all time has no bounds', () => {
  expect(toSpan(resolveRange({}, NOW_MS))).toBeUndefined();
});

test.each([
  ['2025-11-01', '2025-11-07', 'period', ['2025-10-25', '2025-10-31']],
  ['2025-11-12', '2025-11-12', 'period', ['2025-11-11', '2025-11-11']],
  ['2024-02-29', '2024-03-01', 'year', ['2023-02-28', '2023-03-01']],
] as const)('%s to %s is compared by %s with %j', (from, to, by, expected) => {
  const { days } = resolveRange({ from, to }, NOW_MS);
  const previous = days && findPrevious(days, by);

  expect([String(previous?.firstDay), String(previous?.lastDay)]).toEqual(expected);
});

test.each([
  // name, now, query, by, previous
  [
    'half of today',
    '2025-11-12T09:07:30.500Z',
    { period: 'today' },
    'period',
    '2025-11-11T00:00:00+00:00',
    '2025-11-11T09:07:30+00:00',
  ],
  [
    'half of today beside last year',
    '2025-11-12T09:00:00Z',
    { period: 'today' },
    'year',
    '2024-11-12T00:00:00+00:00',
    '2024-11-12T09:00:00+00:00',
  ],
  [
    'a week that ends today',
    '2025-11-12T09:00:00Z',
    { period: '7d' },
    'period',
    '2025-10-30T00:00:00+00:00',
    '2025-11-05T09:00:00+00:00',
  ],
  [
    'a week that goes on',
    '2025-11-12T09:00:00Z',
    { from: '2025-11-10', to: '2025-11-16' },
    'period',
    '2025-11-03T00:00:00+00:00',
    '2025-11-05T09:00:00+00:00',
  ],
  [
    'a day that is over',
    '2025-11-12T09:00:00Z',
    { period: 'yesterday' },
    'period',
    '2025-11-10T00:00:00+00:00',
    '2025-11-11T00:00:00+00:00',
  ],
  [
    'a day that has not begun',
    '2025-11-12T09:00:00Z',
    { date: '2025-11-14' },
    'period',
    '2025-11-13T00:00:00+00:00',
    '2025-11-13T00:00:00+00:00',
  ],
  [
    'the first moment of a day',
    '2025-11-12T00:00:00Z',
    { period: 'today' },
    'period',
    '2025-11-11T00:00:00+00:00',
    '2025-11-11T00:00:00+00:00',
  ],
  [
    'the year so far, in a leap year',
    '2024-03-01T09:00:00Z',
    { period: 'year' },
    'year',
    '2023-01-01T00:00:00+00:00',
    '2023-03-01T09:00:00+00:00',
  ],
  [
    'the year so far, on the 29th of February',
    '2024-02-29T09:00:00Z',
    { period: 'year' },
    'year',
    '2023-01-01T00:00:00+00:00',
    '2023-03-01T00:00:00+00:00',
  ],
  [
    'the 29th of February alone',
    '2024-02-29T09:00:00Z',
    { period: 'today' },
    'year',
    '2023-02-28T00:00:00+00:00',
    '2023-02-28T09:00:00+00:00',
  ],
  [
    'the day after clocks were put forward',
    '2025-03-31T10:00:00Z',
    { period: 'today', tz: 'Europe/Berlin' },
    'period',
    '2025-03-30T00:00:00+01:00',
    '2025-03-30T12:00:00+02:00',
  ],
  [
    'a time that did not exist the day before',
    '2025-03-31T00:30:00Z',
    { period: 'today', tz: 'Europe/Berlin' },
    'period',
    '2025-03-30T00:00:00+01:00',
    '2025-03-30T03:30:00+02:00',
  ],
  [
    'the hour that comes twice',
    '2025-10-26T01:30:00Z',
    { period: 'today', tz: 'Europe/Berlin' },
    'period',
    '2025-10-25T00:00:00+02:00',
    '2025-10-25T02:30:00+02:00',
  ],
] as const)('%s is compared with as much of the previous range', (_name, now, query, by, from, to) => {
  const nowMs = Date.parse(now);
  const { tz, days } = resolveRange(query, nowMs);
  const { startMs, endMs } = findPreviousSpan({ tz, days: days as DayRange }, by, nowMs);

  expect([startMs, endMs].map((timeMs) => formatLocal(timeMs, tz))).toEqual([from, to]);
});

test.each([
  ['2025-07-01T12:00:00Z', 'Europe/Berlin', '2025-07-01T14:00:00+02:00'],
  ['2025-07-01T12:00:00Z', 'UTC', '2025-07-01T12:00:00+00:00'],
  ['2025-07-01T12:00:00Z', 'Asia/Kolkata', '2025-07-01T17:30:00+05:30'],
])('%s in %s is written %s', (moment, tz, text) => {
  expect(formatLocal(Date.parse(moment), tz)).toBe(text);
});
