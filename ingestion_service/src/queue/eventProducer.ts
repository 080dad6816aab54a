import type { EventJob } from '@analytics/shared/event';
import { eventJobOptions, INGEST_EVENT_JOB } from '@analytics/shared/eventQueue';
import type { Logger } from '@analytics/shared/logger';
import { createOutageLog } from '@analytics/shared/outageLog';
import { createUnavailableError } from '@analytics/shared/problem';
import { Queue } from 'bullmq';
import type { Redis } from 'ioredis';

export interface EventProducerOptions {
  /** A connection that fails rather than waits. */
  redis: Redis;
  queueName: string;
  queuePrefix: string;
  logger: Logger;
}

export interface EventProducer {
  /**
   * Resolves once Redis has acknowledged the event's job.
   *
   * @throws ProblemError 503 if it did not. The event may have been queued all the same, so a retry should carry the same
   * `event_id`.
   */
  enqueueEvent(event: EventJob): Promise<void>;
  /** Closes the queue, not the connection. */
  close(): Promise<void>;
}

/** Opens the queue's producing end. */
export function createEventProducer(options: EventProducerOptions): EventProducer {
  const { redis, queueName, queuePrefix, logger } = options;
  const queue = new Queue(queueName, {
    connection: redis,
    prefix: queuePrefix,
    // BullMQ asks for the version once, and a queue whose question got no answer would stay broken for good.
    skipVersionCheck: true,
    defaultJobOptions: eventJobOptions,
  });
  // Without a listener the process would end. The connection's own listener logs what happens to the connection.
  queue.on('error', () => {});
  const outageLog = createOutageLog('The event queue', logger);

  return {
    enqueueEvent: async (event) => {
      // BullMQ would wait for a connection without end.
      if (redis.status !== 'ready') {
        throw createUnavailableError('The event queue is not reachable. Try again.');
      }
      try {
        await queue.add(INGEST_EVENT_JOB, event);
        outageLog.recovered();
      } catch (error) {
        outageLog.failed(error as Error);
        throw createUnavailableError('The event queue did not confirm the event. Try again.', error);
      }
    },
    close: () => queue.close(),
  };
}
