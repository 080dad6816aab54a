/** A value of a series at a time. */
export interface Point {
  seconds: number;
  value: number;
}

/** A gap of more than this many usual gaps at the edge of a range is not bridged. */
const MAX_GAPS = 1.1;

/**
 * The increase of a counter in a range, with the extrapolation to its edges of Prometheus' `increase`
 * (https://prometheus.io/docs/prometheus/latest/querying/functions/#increase). Undefined for fewer than two
 * points.
 */
export function findIncrease(
  points: readonly Point[],
  { startSeconds, endSeconds }: { startSeconds: number; endSeconds: number },
): number | undefined {
  const [first, last] = [points[0], points.at(-1)];
  if (first === undefined || last === undefined || points.length < 2) {
    return undefined;
  }
  let increase = 0;
  for (const [index, { value }] of points.slice(1).entries()) {
    const before = (points[index] as Point).value;
    // A counter that decreases began again at zero.
    increase += value < before ? value : value - before;
  }
  const covered = last.seconds - first.seconds;
  const gap = covered / (points.length - 1);
  const bridge = (edge: number) => (edge < gap * MAX_GAPS ? edge : gap / 2);
  // No counter was below zero.
  const toZero = increase > 0 ? (covered * first.value) / increase : Number.POSITIVE_INFINITY;
  const atStart = Math.min(bridge(first.seconds - startSeconds), toZero);
  const atEnd = bridge(endSeconds - last.seconds);
  return (increase * (covered + atStart + atEnd)) / covered;
}
