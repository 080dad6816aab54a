import { type JobsOptions, Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import type { EventJob } from './event.ts';

/** The job whose data is one `EventJob`. A foreign producer may use it with an `EventInput`. */
export const INGEST_EVENT_JOB = 'ingest-event';

/** The job whose data is an `EventBatch`: stored, or taken up again, as a whole. */
export const INGEST_BATCH_JOB = 'ingest-batch';

/** What a batch job carries. */
export interface EventBatch {
  events: EventJob[];
}

/**
 * The most events that one job carries. As many as MongoDB takes well in one insert; few enough that a worker that dies
 * leaves little to do again.
 */
export const MAX_JOB_EVENTS = 500;

/**
 * How every event job is queued. The attempts are for what nobody foresaw: MongoDB's absence costs none. A completed job goes
 * at once, because what it did is in the log and in MongoDB, and a kept one would hold its events in Redis. A failed one stays
 * until it is in `dead_letters`, because what was accepted must not be lost.
 */
export const eventJobOptions = {
  attempts: 5,
  backoff: { type: 'exponential', delay: 1000, jitter: 0.5 },
  removeOnComplete: true,
  removeOnFail: false,
} satisfies JobsOptions;

export interface EventQueueNames {
  /** The queue's own name. */
  queueName: string;
  /** Under which BullMQ keeps all of it in Redis. */
  queuePrefix: string;
}

/** Opens the queue for whoever adds jobs or looks after them. The connection is left to whoever opened that. */
export function openEventQueue(redis: Redis, { queueName, queuePrefix }: EventQueueNames): Queue {
  const queue = new Queue(queueName, {
    connection: redis,
    prefix: queuePrefix,
    // BullMQ asks for the version once, and a queue whose question got no answer would stay broken for good.
    skipVersionCheck: true,
    defaultJobOptions: eventJobOptions,
  });
  // Without a listener the process would end. What happens to the connection is its watch's to log.
  queue.on('error', () => {});
  return queue;
}
