import { type DueBuckets, MAX_COUNTED_BUCKETS } from '@analytics/rollups/dueBuckets';
import type { Metrics } from '@analytics/shared/metrics/metrics';
import type { MetricTable } from '@analytics/shared/metrics/metricTable';

/** The metrics of this service. docs/operations.md describes them. */
const PROCESSOR_METRICS = {
  stored: {
    type: 'counter',
    name: 'analytics_worker_events_stored_total',
    help: 'Events that were inserted into MongoDB.',
  },
  duplicates: {
    type: 'counter',
    name: 'analytics_worker_events_duplicate_total',
    help: 'Events that were stored already: sent again by a client, or in a job that ran again.',
  },
  newDeadLetters: {
    type: 'counter',
    name: 'analytics_worker_dead_letters_new_total',
    help: 'Events that could not be stored and became dead letters.',
  },
  deadLetters: {
    type: 'gauge',
    name: 'analytics_worker_dead_letters',
    help: 'Dead letters in the database.',
  },
  expired: {
    type: 'counter',
    name: 'analytics_worker_events_expired_total',
    help: 'Events that the worker deleted because they were older than their site keeps them.',
  },
  storeDelay: {
    type: 'histogram',
    name: 'analytics_worker_accepted_to_stored_seconds',
    help: 'Time from the queueing of a job to the storing of its events. One value per job.',
    buckets: [0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 1800, 7200],
  },
  insert: {
    type: 'histogram',
    name: 'analytics_worker_insert_seconds',
    help: 'Time of an insert into MongoDB, which has the events of several jobs.',
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10],
  },
  bucketsDue: {
    type: 'gauge',
    name: 'analytics_rollup_buckets_due',
    help: `Buckets that are due for rollup. At most ${MAX_COUNTED_BUCKETS} are counted.`,
  },
  oldestDueAge: {
    type: 'gauge',
    name: 'analytics_rollup_oldest_due_age_seconds',
    help: 'Time since the oldest bucket became due for rollup. 0: none is due.',
  },
} as const satisfies MetricTable;

/** What the parts of the service report. */
export interface ProcessorMetrics {
  onInserted: (tookMs: number) => void;
  onStored: (outcomes: { stored: number; duplicates: number }) => void;
  /** `queuedMs`: when the job was queued (ms since 1970). */
  onJobStored: (queuedMs: number) => void;
  onDeadLetters: (added: number) => void;
  onExpired: (deleted: number) => void;
}

/** What a scrape reads. Undefined: the worker has not started yet. */
export interface ProcessorReadings {
  countDeadLetters: () => number | undefined;
  measureDueBuckets: () => Promise<DueBuckets | undefined>;
}

/** Adds the metrics of the service. Its parts call the functions. */
export function createProcessorMetrics(
  metrics: Metrics,
  { countDeadLetters, measureDueBuckets }: ProcessorReadings,
): ProcessorMetrics {
  const table = metrics.open(PROCESSOR_METRICS);
  metrics.onScrape(() => {
    const count = countDeadLetters();
    if (count !== undefined) {
      table.deadLetters.set(count);
    }
  });
  metrics.onScrape(async () => {
    const due = await measureDueBuckets();
    if (due !== undefined) {
      table.bucketsDue.set(due.count);
      table.oldestDueAge.set(due.oldestDueMs / 1000);
    }
  });
  return {
    onInserted: (tookMs) => table.insert.observe(tookMs / 1000),
    onStored: ({ stored, duplicates }) => {
      table.stored.add(stored);
      table.duplicates.add(duplicates);
    },
    // The clock of the producer may be ahead.
    onJobStored: (queuedMs) => table.storeDelay.observe(Math.max(Date.now() - queuedMs, 0) / 1000),
    onDeadLetters: (added) => table.newDeadLetters.add(added),
    onExpired: (deleted) => table.expired.add(deleted),
  };
}
