import { expect, test } from 'vitest';
import { cutIntoIntervals, estimateIntervals } from '../../src/query/intervals.ts';
import type { Interval } from '../../src/query/parameters.ts';
import { type DayRange, formatLocal, resolveRange } from '../../src/query/timeRange.ts';

function cut(from: string, to: string, interval: Interval, tz: string) {
  const { days } = resolveRange({ from, to, tz }, 0);
  return cutIntoIntervals(days as DayRange, interval, tz);
}

const labels = (...args: Parameters<typeof cut>) =>
  cut(...args).map(({ labelMs }) => formatLocal(labelMs, args[3]));

test.each([
  ['2025-11-12', 'UTC', 24],
  ['2025-03-30', 'Europe/Berlin', 23],
  ['2025-10-26', 'Europe/Berlin', 25],
  ['2025-09-07', 'America/Santiago', 23],
])('the day %s in %s has %d hours', (date, tz, hours) => {
  expect(cut(date, date, 'hour', tz)).toHaveLength(hours);
});

test('the repeated hour has two intervals with different offsets', () => {
  expect(labels('2025-10-26', '2025-10-26', 'hour', 'Europe/Berlin').slice(1, 5)).toEqual([
    '2025-10-26T01:00:00+02:00',
    '2025-10-26T02:00:00+02:00',
    '2025-10-26T02:00:00+01:00',
    '2025-10-26T03:00:00+01:00',
  ]);
});

test('after a shift of half an hour the next day begins at its own midnight', () => {
  const hours = labels('2025-10-05', '2025-10-06', 'hour', 'Australia/Lord_Howe');

  expect(hours).toContain('2025-10-06T00:00:00+11:00');
  expect(hours).toHaveLength(24 + 24);
});

test('a day that a time zone skipped is no interval', () => {
  expect(labels('2011-12-29', '2011-12-31', 'day', 'Pacific/Apia')).toEqual([
    '2011-12-29T00:00:00-10:00',
    '2011-12-31T00:00:00+14:00',
  ]);
  expect(labels('2011-12-30', '2011-12-30', 'day', 'Pacific/Apia')).toEqual([]);
});

test('weeks begin on Monday, also the first one; only events in the range are counted', () => {
  const weeks = cut('2025-11-12', '2025-11-18', 'week', 'UTC');

  expect(weeks).toEqual([
    {
      labelMs: Date.parse('2025-11-10T00:00:00Z'),
      startMs: Date.parse('2025-11-12T00:00:00Z'),
      endMs: Date.parse('2025-11-17T00:00:00Z'),
    },
    {
      labelMs: Date.parse('2025-11-17T00:00:00Z'),
      startMs: Date.parse('2025-11-17T00:00:00Z'),
      endMs: Date.parse('2025-11-19T00:00:00Z'),
    },
  ]);
});

test('months begin with their first day, in the offset of that day', () => {
  expect(labels('2025-09-15', '2025-11-02', 'month', 'Europe/Berlin')).toEqual([
    '2025-09-01T00:00:00+02:00',
    '2025-10-01T00:00:00+02:00',
    '2025-11-01T00:00:00+01:00',
  ]);
});

test.each(['hour', 'day', 'week', 'month'] as const)(
  'steps of a %s have no gap, and there are no more than estimated',
  (interval) => {
    for (const tz of ['UTC', 'Europe/Berlin', 'America/Santiago', 'Asia/Kathmandu']) {
      const { days } = resolveRange({ from: '2025-01-01', to: '2025-12-31', tz }, 0);
      const spans = cutIntoIntervals(days as DayRange, interval, tz);

      expect(spans.slice(1).map(({ startMs }) => startMs)).toEqual(
        spans.slice(0, -1).map(({ endMs }) => endMs),
      );
      expect(spans.length).toBeLessThanOrEqual(estimateIntervals(days as DayRange, interval) + 1);
    }
  },
);
