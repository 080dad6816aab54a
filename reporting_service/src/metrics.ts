import type { OnRefused } from '@analytics/shared/http/problem';
import type { Metrics } from '@analytics/shared/metrics/metrics';
import type { MetricTable } from '@analytics/shared/metrics/metricTable';
import { CACHE_RESULTS, type CacheResult } from './cache/reportCache.ts';
import type { ReportedAnswer } from './controllers/statsController.ts';
import { REFUSAL_REASONS, type RefusalReason } from './database/refusal.ts';
import type { ReportDatabase } from './database/reportDatabase.ts';
import { STATS_PATHS } from './query/statsPaths.ts';

/** The metrics of this service. docs/operations.md describes them. */
const REPORTING_METRICS = {
  seconds: {
    type: 'histogram',
    name: 'analytics_report_seconds',
    help: 'Time from the headers of a request to its report, by route and by the source of the numbers.',
    labels: { route: STATS_PATHS, source: ['cache', 'rollup', 'live', 'mixed'] },
    buckets: [0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30],
  },
  lookUps: {
    type: 'counter',
    name: 'analytics_report_cache_lookups_total',
    help: 'Requests for a report: answered from the cache, by a report that another request started, or by one of their own.',
    labels: { result: CACHE_RESULTS },
  },
  running: { type: 'gauge', name: 'analytics_reports_running', help: 'Reports that run.' },
  waiting: { type: 'gauge', name: 'analytics_reports_waiting', help: 'Reports that wait for a permit.' },
  refused: {
    type: 'counter',
    name: 'analytics_reports_refused_total',
    help: 'Requests for a report that were answered with 503.',
    labels: { reason: REFUSAL_REASONS },
  },
} as const satisfies MetricTable;

/** What the parts of the service report. */
export interface ReportingMetrics {
  onReported: (answer: ReportedAnswer) => void;
  onLookUp: (result: CacheResult) => void;
  onRefused: OnRefused;
}

/** Adds the metrics of the service. Its parts call the functions. */
export function createReportingMetrics(
  metrics: Metrics,
  { load }: Pick<ReportDatabase, 'load'>,
): ReportingMetrics {
  const table = metrics.open(REPORTING_METRICS);
  metrics.onScrape(() => {
    table.running.set(load.running);
    table.waiting.set(load.waiting);
  });
  return {
    onReported: ({ route, source, tookMs }) => table.seconds.observe(tookMs / 1000, { route, source }),
    onLookUp: (result) => table.lookUps.add(1, { result }),
    onRefused: ({ reason, count }) => table.refused.add(count, { reason: reason as RefusalReason }),
  };
}
