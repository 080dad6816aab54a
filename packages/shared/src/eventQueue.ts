import type { JobsOptions } from 'bullmq';

/** The job whose data is one `EventJob`. A foreign producer may use it with an `EventInput`. */
export const INGEST_EVENT_JOB = 'ingest-event';

/**
 * How every event job is queued. A completed job is of no more use: its result is in the log, its identity in MongoDB. A
 * failed one is never removed by the queue, because what was accepted must stay recoverable.
 */
export const eventJobOptions = {
  attempts: 5,
  backoff: { type: 'exponential', delay: 1000, jitter: 0.5 },
  removeOnComplete: { age: 3600, count: 1000 },
  removeOnFail: false,
} satisfies JobsOptions;
