/** The middle of the values, or the mean of the two in the middle. NaN if there is none. */
export function findMedian(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const upper = sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
  const lower = sorted[Math.ceil(sorted.length / 2) - 1] ?? Number.NaN;
  return (lower + upper) / 2;
}

/** The median of some values as a multiple of the median of others. */
export function findMedianRatio(values: readonly number[], others: readonly number[]): number {
  return findMedian(values) / findMedian(others);
}

/** A value at a moment, in milliseconds of any clock. */
export interface Point {
  atMs: number;
  value: number;
}

/** How much the value grows in a minute, by the line of least squares through the points. */
export function findSlopePerMinute(points: readonly Point[]): number {
  const meanMs = findMean(points.map(({ atMs }) => atMs));
  const meanValue = findMean(points.map(({ value }) => value));
  let covariance = 0;
  let variance = 0;
  for (const { atMs, value } of points) {
    covariance += (atMs - meanMs) * (value - meanValue);
    variance += (atMs - meanMs) ** 2;
  }
  return (covariance / variance) * 60_000;
}

/**
 * How much a growing count grew in a second between two moments; both are moved to the nearest points inside.
 */
export function findGrowthPerSecond(points: readonly Point[], fromMs: number, toMs: number): number {
  const inside = points.filter(({ atMs }) => atMs >= fromMs && atMs <= toMs);
  const first = inside.at(0);
  const last = inside.at(-1);
  if (!first || !last || last.atMs === first.atMs) {
    return 0;
  }
  return ((last.value - first.value) / (last.atMs - first.atMs)) * 1000;
}

/** The moments between which a count grew: the first point above 0 and the first at its final value. */
export function findGrowthSpan(points: readonly Point[]): { fromMs: number; toMs: number } {
  const final = points.at(-1)?.value ?? 0;
  const fromMs = points.find(({ value }) => value > 0)?.atMs ?? 0;
  const toMs = points.find(({ value }) => value === final)?.atMs ?? 0;
  return { fromMs, toMs };
}

function findMean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
