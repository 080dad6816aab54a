/** The median of the values; NaN without values. */
export function findMedian(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  const upper = sorted[Math.floor(sorted.length / 2)] ?? Number.NaN;
  const lower = sorted[Math.ceil(sorted.length / 2) - 1] ?? Number.NaN;
  return (lower + upper) / 2;
}

/** A value at a moment, in milliseconds of any clock. */
export interface Point {
  atMs: number;
  value: number;
}

/** The growth per minute: the slope of the least-squares line through the points. */
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

/** The growth per second between the first and the last point of a period; 0 with fewer than two points. */
export function findGrowthPerSecond(points: readonly Point[], fromMs: number, toMs: number): number {
  const inside = points.filter(({ atMs }) => atMs >= fromMs && atMs <= toMs);
  const first = inside.at(0);
  const last = inside.at(-1);
  if (!first || !last || last.atMs === first.atMs) {
    return 0;
  }
  return ((last.value - first.value) / (last.atMs - first.atMs)) * 1000;
}

/** The period in which a count grew: from the first point above 0 to the first at the final value. */
export function findGrowthSpan(points: readonly Point[]): { fromMs: number; toMs: number } {
  const final = points.at(-1)?.value ?? 0;
  const fromMs = points.find(({ value }) => value > 0)?.atMs ?? 0;
  const toMs = points.find(({ value }) => value === final)?.atMs ?? 0;
  return { fromMs, toMs };
}

function findMean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
