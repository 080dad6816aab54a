import type { Labels } from './scrapes.ts';

interface Element {
  labels: Labels;
  value: number;
}

/**
 * The quantile of each histogram of cumulative buckets, with the interpolation of Prometheus
 * (https://prometheus.io/docs/prometheus/latest/querying/functions/#histogram_quantile).
 */
export function histogramQuantile(quantile: number, buckets: readonly Element[]): Element[] {
  const histograms = new Map<string, { labels: Labels; buckets: { bound: number; count: number }[] }>();
  for (const { labels, value } of buckets) {
    const { le = '', ...others } = labels;
    const key = JSON.stringify(others);
    const histogram = histograms.get(key) ?? { labels: others, buckets: [] };
    histogram.buckets.push({ bound: le === '+Inf' ? Number.POSITIVE_INFINITY : Number(le), count: value });
    histograms.set(key, histogram);
  }
  return [...histograms.values()].map((histogram) => ({
    labels: histogram.labels,
    value: findQuantile(
      quantile,
      histogram.buckets.sort((a, b) => a.bound - b.bound),
    ),
  }));
}

function findQuantile(quantile: number, buckets: readonly { bound: number; count: number }[]): number {
  const rank = quantile * (buckets.at(-1)?.count ?? 0);
  const index = buckets.findIndex(({ count }) => count >= rank);
  const [below, bucket] = [buckets[index - 1], buckets[index]];
  if (rank === 0 || bucket === undefined) {
    return Number.NaN;
  }
  if (bucket.bound === Number.POSITIVE_INFINITY) {
    return below?.bound ?? Number.NaN;
  }
  const { bound: start, count: before } = below ?? { bound: 0, count: 0 };
  return start + ((bucket.bound - start) * (rank - before)) / (bucket.count - before);
}
