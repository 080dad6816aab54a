import type { OnRefused } from '@analytics/shared/http/problem';
import type { Metrics } from '@analytics/shared/metrics/metrics';
import type { MetricTable } from '@analytics/shared/metrics/metricTable';
import type { QueueEstimate } from './queue/queueEstimate.ts';
import { QUEUE_STATES } from './queue/queueSampler.ts';
import { REFUSAL_REASONS, type RefusalReason } from './utils/refusal.ts';

/** The metrics of this service. docs/operations.md describes them. */
const INGESTION_METRICS = {
  accepted: {
    type: 'counter',
    name: 'analytics_ingestion_events_accepted_total',
    help: 'Events whose job Redis has acknowledged.',
  },
  refused: {
    type: 'counter',
    name: 'analytics_ingestion_events_refused_total',
    help: 'Events that were not accepted. A request whose events cannot be read counts as one event.',
    labels: { reason: REFUSAL_REASONS },
  },
  jobEvents: {
    type: 'histogram',
    name: 'analytics_ingestion_job_events',
    help: 'Events per job of the queue.',
    buckets: [1, 2, 5, 10, 20, 50, 100, 200, 500],
  },
  acknowledge: {
    type: 'histogram',
    name: 'analytics_ingestion_acknowledge_seconds',
    help: 'Time from the headers of a request to its 202.',
    buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2],
  },
  queueJobs: {
    type: 'gauge',
    name: 'analytics_queue_jobs',
    help: 'Jobs of the queue that are not finished, by their state.',
    labels: { state: QUEUE_STATES },
  },
  queueEvents: {
    type: 'gauge',
    name: 'analytics_queue_events',
    help: 'Events of the queue that are not stored, by the state of their job. An estimate.',
    labels: { state: QUEUE_STATES },
  },
  queueBytes: {
    type: 'gauge',
    name: 'analytics_queue_bytes',
    help: 'Memory of the jobs that are not finished, by their state. An estimate.',
    labels: { state: QUEUE_STATES },
  },
  oldestAge: {
    type: 'gauge',
    name: 'analytics_queue_oldest_event_age_seconds',
    help: 'Time since the oldest event that is not stored was accepted. 0: none waits.',
  },
  redisUsed: {
    type: 'gauge',
    name: 'analytics_redis_memory_used_bytes',
    help: 'Memory that Redis uses.',
  },
  redisLimit: {
    type: 'gauge',
    name: 'analytics_redis_memory_limit_bytes',
    help: 'New events are refused while Redis uses more memory than this.',
  },
} as const satisfies MetricTable;

export interface IngestionMetrics {
  onQueued: (eventCount: number) => void;
  onAcknowledged: (tookMs: number) => void;
  onRefused: OnRefused;
}

/** What a scrape reads. */
export interface IngestionReadings {
  queueLoad: Pick<QueueEstimate, 'measure' | 'measureStates'>;
  /** Resolves with milliseconds. */
  readOldestAge: () => Promise<number>;
  /** Reject new events while Redis uses this share of its memory, in percent. */
  maxMemoryPercent: number;
}

/** Adds the counters of the service. The parts of the service call the functions. */
export function createIngestionMetrics(
  metrics: Metrics,
): IngestionMetrics & { readFrom: (readings: IngestionReadings) => void } {
  const table = metrics.open(INGESTION_METRICS);
  return {
    onQueued: (eventCount) => {
      table.accepted.add(eventCount);
      table.jobEvents.observe(eventCount);
    },
    onAcknowledged: (tookMs) => table.acknowledge.observe(tookMs / 1000),
    onRefused: ({ reason, count }) => table.refused.add(count, { reason: reason as RefusalReason }),
    readFrom: ({ queueLoad, readOldestAge, maxMemoryPercent }) => {
      metrics.onScrape(() => {
        const { waiting, memory } = queueLoad.measure();
        const states = queueLoad.measureStates();
        for (const [state, { jobs, events, bytes }] of states ?? []) {
          table.queueJobs.set(jobs, { state });
          table.queueEvents.set(events, { state });
          table.queueBytes.set(bytes, { state });
        }
        if (states === undefined) {
          // Where jobs cannot be counted, only the load of this process is known.
          table.queueEvents.set(waiting.events, { state: 'wait' });
          table.queueBytes.set(waiting.bytes, { state: 'wait' });
        }
        if (memory) {
          table.redisUsed.set(memory.usedBytes);
          table.redisLimit.set((memory.maxBytes * maxMemoryPercent) / 100);
        }
      });
      metrics.onScrape(async () => table.oldestAge.set((await readOldestAge()) / 1000));
    },
  };
}
