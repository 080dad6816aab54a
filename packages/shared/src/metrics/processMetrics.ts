import type { HealthCheck } from '../http/health.ts';
import type { ResponseCounts } from '../http/responseCounts.ts';
import { createMetrics, type Metrics } from './metrics.ts';
import type { MetricTable } from './metricTable.ts';

/** What a process is: the value of its build info is in the labels. */
interface Build {
  /** The name of the service, as in its log. */
  service: string;
  version: string;
}

/** Creates the metrics of a service. Dependencies may be added to `checks`, the lines of `/readyz`, later. */
export function createServiceMetrics(build: Build, checks: Readonly<Record<string, HealthCheck>>): Metrics {
  const metrics = createMetrics();
  addBuildInfo(metrics, build);
  addDependencyMetrics(metrics, checks);
  return metrics;
}

function addBuildInfo(metrics: Metrics, { service, version }: Build): void {
  const { build } = metrics.open({
    build: {
      type: 'gauge',
      name: 'analytics_build_info',
      help: 'Always 1. The labels have the name and the version of the service, and the version of Node.js.',
      labels: { service: [service], version: [version], node: [process.version] },
    },
  });
  metrics.onScrape(() => build.set(1, { service, version, node: process.version }));
}

const DEPENDENCIES = ['process', 'redis', 'mongodb', 'worker'] as const;

const DEPENDENCY_METRICS = {
  up: {
    type: 'gauge',
    name: 'analytics_dependency_up',
    help: 'Whether a dependency of the service is up, as in /readyz: 1 or 0.',
    labels: { dependency: DEPENDENCIES },
  },
  warnings: {
    type: 'gauge',
    name: 'analytics_dependency_warnings',
    help: 'The warnings about a dependency. /readyz has their text.',
    labels: { dependency: DEPENDENCIES },
  },
} as const satisfies MetricTable;

/** Adds the lines of `/readyz` as metrics. */
function addDependencyMetrics(metrics: Metrics, checks: Readonly<Record<string, HealthCheck>>): void {
  const { up, warnings } = metrics.open(DEPENDENCY_METRICS);
  metrics.onScrape(() => {
    for (const dependency of DEPENDENCIES) {
      const health = checks[dependency]?.();
      if (health) {
        up.set(health.status === 'up' ? 1 : 0, { dependency });
        warnings.set(health.warnings?.length ?? 0, { dependency });
      }
    }
  });
}

const RESPONSE_METRICS = {
  responses: {
    type: 'counter',
    name: 'analytics_http_responses_total',
    help: 'HTTP responses by the class of their status.',
    labels: { status_class: ['1xx', '2xx', '3xx', '4xx', '5xx'] },
  },
} as const satisfies MetricTable;

/** Adds the responses of an app. */
export function addResponseMetrics(metrics: Metrics, counts: ResponseCounts): void {
  const { responses } = metrics.open(RESPONSE_METRICS);
  metrics.onScrape(() => {
    for (const [index, status_class] of RESPONSE_METRICS.responses.labels.status_class.entries()) {
      responses.add(counts.take(index + 1), { status_class });
    }
  });
}
