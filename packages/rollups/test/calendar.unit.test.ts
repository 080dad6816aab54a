import { describe, expect, test } from 'vitest';
import {
  type Bucket,
  findBucketEnd,
  findParent,
  GRANULARITIES,
  type Granularity,
  listChildren,
  toContiguousRanges,
} from '../src/calendar.ts';

const bucket = (granularity: Granularity, start: string): Bucket => ({
  granularity,
  startMs: Date.parse(`${start}Z`),
});

const name = ({ granularity, startMs }: Bucket) =>
  `${granularity} ${new Date(startMs).toISOString().slice(0, granularity === 'hour' ? 13 : 10)}`;

test.each([
  ['hour', '2025-12-31T23:00', '2026-01-01T00:00:00.000Z'],
  ['day', '2024-02-29T00:00', '2024-03-01T00:00:00.000Z'],
  ['month', '2024-02-01T00:00', '2024-03-01T00:00:00.000Z'],
  ['month', '1969-12-01T00:00', '1970-01-01T00:00:00.000Z'],
] as const)('the %s from %s ends at %s', (granularity, start, end) => {
  expect(new Date(findBucketEnd(bucket(granularity, start))).toISOString()).toBe(end);
});

test('a bucket is one of the children of its parent', () => {
  for (const granularity of GRANULARITIES.slice(0, -1)) {
    const child = bucket(granularity, '2024-02-29T00:00');
    const parent = findParent(child);

    expect(parent && listChildren(parent)).toContainEqual(child);
  }
  expect(findParent(bucket('month', '2024-02-01T00:00'))).toBeUndefined();
  expect(listChildren(bucket('hour', '2024-02-29T00:00'))).toEqual([]);
});

describe('contiguous ranges', () => {
  const toNames = (buckets: Bucket[]) =>
    toContiguousRanges(buckets).map(({ first, last }) => [name(first), name(last)]);

  test('adjacent buckets of one granularity form one range', () => {
    const buckets = [
      bucket('hour', '2025-11-12T23:00'),
      bucket('day', '2025-11-13T00:00'),
      bucket('hour', '2025-11-16T00:00'),
      bucket('day', '2025-11-14T00:00'),
      bucket('hour', '2025-11-12T22:00'),
    ];

    expect(toNames(buckets)).toEqual([
      ['hour 2025-11-12T22', 'hour 2025-11-12T23'],
      ['hour 2025-11-16T00', 'hour 2025-11-16T00'],
      ['day 2025-11-13', 'day 2025-11-14'],
    ]);
  });

  test('a gap of a few hours is bridged', () => {
    const hours = ['2025-11-12T00:00', '2025-11-13T01:00', '2025-11-14T03:00'].map((start) =>
      bucket('hour', start),
    );

    expect(toNames(hours)).toEqual([
      ['hour 2025-11-12T00', 'hour 2025-11-13T01'],
      ['hour 2025-11-14T03', 'hour 2025-11-14T03'],
    ]);
  });
});
