import { expect, test } from 'vitest';
import { findGrowthPerSecond, findGrowthSpan, findMedian, findSlopePerMinute } from '../src/statistics.ts';

test.each([
  { values: [3], median: 3 },
  { values: [9, 1, 5], median: 5 },
  { values: [10, 1, 4, 2], median: 3 },
  { values: [100, 20, 3], median: 20 },
  { values: [], median: Number.NaN },
])('the median of $values is $median', ({ values, median }) => {
  expect(findMedian(values)).toBe(median);
});

test('the slope of a line is its growth per minute', () => {
  const points = [0, 1, 2, 3].map((second) => ({ atMs: 5000 + second * 1000, value: 100 + second * 0.5 }));
  expect(findSlopePerMinute(points)).toBeCloseTo(30);
});

test('a sawtooth has almost no slope', () => {
  const points = Array.from({ length: 200 }, (_, second) => ({ atMs: second * 1000, value: second % 5 }));
  expect(Math.abs(findSlopePerMinute(points))).toBeLessThan(0.1);
});

const drain = [
  { atMs: 1000, value: 0 },
  { atMs: 1100, value: 0 },
  { atMs: 1200, value: 500 },
  { atMs: 1400, value: 1500 },
  { atMs: 1700, value: 2500 },
  { atMs: 1800, value: 2500 },
];

test('a count grows from its first point above 0 to the first at its final value', () => {
  expect(findGrowthSpan(drain)).toEqual({ fromMs: 1200, toMs: 1700 });
});

test('growth starts at the first point inside the period', () => {
  expect(findGrowthPerSecond(drain, 1200, 1700)).toBe(4000);
});

test('a period with fewer than two points has no growth', () => {
  expect(findGrowthPerSecond(drain, 1210, 1390)).toBe(0);
});
