import type { Bucket } from '@analytics/rollups/calendar';
import { describe, expect, test } from 'vitest';
import { cover, excludeBuckets, withoutPartialHours } from '../../src/planner/coverage.ts';

const HOUR = 3_600_000;
const span = (from: string, to: string) => ({ startMs: Date.parse(from), endMs: Date.parse(to) });
const name = ({ granularity, startMs }: Bucket) =>
  `${granularity} ${new Date(startMs).toISOString().slice(0, { hour: 13, day: 10, month: 7 }[granularity])}`;
const nameSpan = ({ startMs, endMs }: { startMs: number; endMs: number }) =>
  `${new Date(startMs).toISOString().slice(0, 16)} ${(endMs - startMs) / HOUR}`;

describe('a span is covered by the largest buckets that fit', () => {
  test.each<[string, string, string, string[], string[], string[]]>([
    ['a day', '2025-11-12T00:00Z', '2025-11-13T00:00Z', [], ['day 2025-11-12'], []],
    ['a leap month', '2024-02-01T00:00Z', '2024-03-01T00:00Z', [], ['month 2024-02'], []],
    ['part of an hour', '2025-11-12T19:10Z', '2025-11-12T19:40Z', [], [], ['2025-11-12T19:10 0.5']],
    ['nothing', '2025-11-12T00:00Z', '2025-11-12T00:00Z', [], [], []],
    [
      'over the end of a year',
      '2025-12-30T23:00Z',
      '2026-02-01T01:00Z',
      [],
      ['hour 2025-12-30T23', 'day 2025-12-31', 'month 2026-01', 'hour 2026-02-01T00'],
      [],
    ],
    [
      'an invalid hour makes its day and its month stale',
      '2025-11-01T00:00Z',
      '2025-11-02T03:00Z',
      ['hour 2025-11-02T01', 'day 2025-11-02', 'month 2025-11'],
      ['day 2025-11-01', 'hour 2025-11-02T00', 'hour 2025-11-02T02'],
      ['2025-11-02T01:00 1'],
    ],
    [
      'a zone half an hour off',
      '2025-11-11T18:30Z',
      '2025-11-11T21:30Z',
      [],
      ['hour 2025-11-11T19', 'hour 2025-11-11T20'],
      ['2025-11-11T18:30 0.5', '2025-11-11T21:00 0.5'],
    ],
    [
      'events next to each other are read in one go',
      '2025-11-12T22:30Z',
      '2025-11-13T01:00Z',
      ['hour 2025-11-12T23', 'hour 2025-11-13T00'],
      [],
      ['2025-11-12T22:30 2.5'],
    ],
  ])('%s', (_case, from, to, stale, buckets, liveSpans) => {
    const coverage = withoutPartialHours(cover(span(from, to), (bucket) => !stale.includes(name(bucket))));

    expect(coverage.buckets.map(name)).toEqual(buckets);
    expect(coverage.liveSpans.map(nameSpan)).toEqual(liveSpans);
  });
});

describe('reads from quarter-hours where their views are known', () => {
  test.each<[string, string, string, string[], string[], string[]]>([
    [
      'a zone half an hour off needs no events',
      '2025-11-11T18:30Z',
      '2025-11-11T20:30Z',
      ['hour 2025-11-11T19'],
      ['hour 2025-11-11T18 2-3', 'hour 2025-11-11T20 0-1'],
      [],
    ],
    [
      'nor does one that is three quarters off',
      '2025-11-11T18:15Z',
      '2025-11-11T18:45Z',
      [],
      ['hour 2025-11-11T18 1-2'],
      [],
    ],
    [
      'a minute is read from events',
      '2025-11-11T18:30Z',
      '2025-11-11T19:01Z',
      [],
      ['hour 2025-11-11T18 2-3'],
      ['2025-11-11T19:00 0.016666666666666666'],
    ],
    [
      'and so is an invalid hour',
      '2025-11-11T17:30Z',
      '2025-11-11T18:30Z',
      [],
      ['hour 2025-11-11T18 0-1'],
      ['2025-11-11T17:30 0.5'],
    ],
  ])('%s', (_name, from, to, buckets, partialHours, liveSpans) => {
    const isFresh = (bucket: Bucket) => name(bucket) !== 'hour 2025-11-11T17';
    const coverage = cover(span(from, to), isFresh);

    expect(coverage.buckets.map(name)).toEqual(buckets);
    expect(
      coverage.partialHours.map(
        ({ hour, firstQuarter, lastQuarter }) => `${name(hour)} ${firstQuarter}-${lastQuarter}`,
      ),
    ).toEqual(partialHours);
    expect(coverage.liveSpans.map(nameSpan)).toEqual(liveSpans);
  });
});

test('an excluded bucket is replaced by the fresh ones inside it, and by events', () => {
  const stale = ['hour 2025-11-02T05', 'day 2025-11-02', 'month 2025-11'];
  const isFresh = (bucket: Bucket) => !stale.includes(name(bucket));
  const excluded = ['day 2025-11-01', 'hour 2025-11-01T07'];
  const days = cover(span('2025-11-01T00:00Z', '2025-11-03T00:00Z'), isFresh);

  const { buckets, liveSpans } = excludeBuckets(days, isFresh, (bucket) => excluded.includes(name(bucket)));

  const ofFirstDay = buckets.map(name).filter((each) => each.startsWith('hour 2025-11-01'));
  expect(ofFirstDay).toHaveLength(23);
  expect(ofFirstDay).not.toContain('hour 2025-11-01T07');
  expect(buckets).toHaveLength(23 + 23);
  expect(liveSpans.map(nameSpan)).toEqual(['2025-11-01T07:00 1', '2025-11-02T05:00 1']);
});
