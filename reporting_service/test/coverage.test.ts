import type { Bucket } from '@analytics/rollups/calendar';
import { describe, expect, test } from 'vitest';
import { cover } from '../src/rollup/coverage.ts';

const HOUR = 3_600_000;
const span = (from: string, to: string) => ({ startMs: Date.parse(from), endMs: Date.parse(to) });
const name = ({ granularity, startMs }: Bucket) =>
  `${granularity} ${new Date(startMs).toISOString().slice(0, { hour: 13, day: 10, month: 7 }[granularity])}`;
const nameRaw = ({ startMs, endMs }: { startMs: number; endMs: number }) =>
  `${new Date(startMs).toISOString().slice(0, 16)} ${(endMs - startMs) / HOUR}`;

describe('a stretch of time is covered by the largest buckets that fit', () => {
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
  ])('%s', (_case, from, to, marked, buckets, raw) => {
    const coverage = cover(span(from, to), (bucket) => !marked.includes(name(bucket)));

    expect(coverage.buckets.map(name)).toEqual(buckets);
    expect(coverage.raw.map(nameRaw)).toEqual(raw);
  });
});

describe('where the quarters of hours are known', () => {
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
      'and so is a marked hour',
      '2025-11-11T17:30Z',
      '2025-11-11T18:30Z',
      [],
      ['hour 2025-11-11T18 0-1'],
      ['2025-11-11T17:30 0.5'],
    ],
  ])('%s', (_name, from, to, buckets, hourParts, raw) => {
    const isFresh = (bucket: Bucket) => name(bucket) !== 'hour 2025-11-11T17';
    const coverage = cover(span(from, to), isFresh, { splitsHours: true });

    expect(coverage.buckets.map(name)).toEqual(buckets);
    expect(
      coverage.hourParts.map(
        ({ hour, firstQuarter, lastQuarter }) => `${name(hour)} ${firstQuarter}-${lastQuarter}`,
      ),
    ).toEqual(hourParts);
    expect(coverage.raw.map(nameRaw)).toEqual(raw);
  });
});
