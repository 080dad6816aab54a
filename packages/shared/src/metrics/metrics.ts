import {
  Counter,
  collectDefaultMetrics,
  Gauge,
  Histogram,
  type OpenMetricsContentType,
  type PrometheusContentType,
  Registry,
} from 'prom-client';
import { withTimeout } from '../async/withTimeout.ts';
import { listLabels, type MetricRow, type MetricsOf, type MetricTable } from './metricTable.ts';

/** The formats of a scrape: OpenMetrics, and the older text format of Prometheus. */
export type MetricsFormat = 'openmetrics' | 'text';

/** A scrape in one of the formats. */
interface Scrape {
  contentType: string;
  body: string;
}

/** The metrics of a process. */
export interface Metrics {
  /** Adds the metrics of a table. Counters and histograms begin at zero for each value of their labels. */
  open<const Table extends MetricTable>(table: Table): MetricsOf<Table>;
  /**
   * Registers a step of each scrape, which sets gauges. A gauge that no step sets is not in the scrape. A
   * step that fails, or takes more than a second, sets none.
   */
  onScrape(collect: () => unknown): void;
  scrape(format: MetricsFormat): Promise<Scrape>;
}

/** Prometheus waits for ten seconds by default; a dependency that is away must not use them up (ms). */
const COLLECT_TIMEOUT_MS = 1000;

const CONTENT_TYPES = {
  openmetrics: Registry.OPENMETRICS_CONTENT_TYPE,
  text: Registry.PROMETHEUS_CONTENT_TYPE,
} as const;

type AnyRegistry = Registry<OpenMetricsContentType | PrometheusContentType>;

/**
 * Creates the metrics of a process, with those of Node.js: event loop, memory, garbage collection, CPU and
 * file descriptors.
 */
export function createMetrics(): Metrics {
  const registry: AnyRegistry = new Registry();
  /** Makes the gauges absent. */
  const clearings: (() => void)[] = [];
  const collectors: (() => unknown)[] = [];
  /** Scrapes run one after another, because they share the gauges. */
  let last: Promise<unknown> = Promise.resolve();
  /** The scrapes that have not begun. Requests share them, so that many requests cost little. */
  const waiting = new Map<MetricsFormat, Promise<Scrape>>();
  collectDefaultMetrics({ register: registry });

  async function run(format: MetricsFormat): Promise<Scrape> {
    for (const clear of clearings) {
      clear();
    }
    await Promise.all(collectors.map(attempt));
    return { contentType: CONTENT_TYPES[format], body: await render(registry, format) };
  }

  return {
    open: (table) => {
      const entries = Object.entries(table).map(([key, row]) => [key, open(registry, row, clearings)]);
      return Object.fromEntries(entries);
    },
    onScrape: (collect) => {
      collectors.push(collect);
    },
    scrape: (format) => {
      let scrape = waiting.get(format);
      if (scrape === undefined) {
        scrape = last.then(() => {
          waiting.delete(format);
          return run(format);
        });
        waiting.set(format, scrape);
        last = scrape.catch(() => {});
      }
      return scrape;
    },
  };
}

function open(registry: AnyRegistry, row: MetricRow, clearings: (() => void)[]) {
  const { name, help, labels = {}, buckets } = row;
  const options = { name, help, labelNames: Object.keys(labels), registers: [registry] };
  if (row.type === 'counter') {
    const counter = new Counter(options);
    for (const each of listLabels(row)) {
      counter.inc(each, 0);
    }
    return { add: (count: number, given = {}) => counter.inc(given, count) };
  }
  if (row.type === 'gauge') {
    const gauge = new Gauge(options);
    // A reset sets a gauge without labels to 0, which would be a value.
    clearings.push(() => (row.labels ? gauge.reset() : gauge.remove()));
    return { set: (value: number, given = {}) => gauge.set(given, value) };
  }
  const histogram = new Histogram({ ...options, ...(buckets && { buckets: [...buckets] }) });
  for (const each of listLabels(row)) {
    histogram.zero(each);
  }
  return { observe: (value: number, given = {}) => histogram.observe(given, value) };
}

/** The log and `/readyz` say that a dependency is away; the scrape shows the other metrics. */
async function attempt(collect: () => unknown): Promise<void> {
  try {
    await withTimeout(Promise.resolve(collect()), COLLECT_TIMEOUT_MS);
  } catch {
    // Its gauges are absent.
  }
}

/** prom-client removes `_total` from the names of counters for OpenMetrics, and keeps them so. */
async function render(registry: AnyRegistry, format: MetricsFormat): Promise<string> {
  const names = registry.getMetricsAsArray().map((metric) => ({ metric, name: metric.name }));
  try {
    registry.setContentType(CONTENT_TYPES[format]);
    return await registry.metrics();
  } finally {
    for (const { metric, name } of names) {
      metric.name = name;
    }
  }
}
