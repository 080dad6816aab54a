import { createGroupCommit } from '@analytics/shared/async/groupCommit';
import type { EventJob } from '@analytics/shared/event/event';
import { type EventQueueNames, openEventQueue } from '@analytics/shared/event/eventQueue';
import {
  createEventJob,
  type EventsJson,
  MAX_ENTRY_BYTES,
  packJobs,
  serializeEvents,
} from '@analytics/shared/event/packJobs';
import { createUnavailableError, ProblemError } from '@analytics/shared/http/problem';
import type { DependencyWatch } from '@analytics/shared/service/dependencyWatch';
import type { Logger } from '@analytics/shared/service/logger';
import { createOutageLog } from '@analytics/shared/service/outageLog';
import type { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import { refuseEvents } from '../utils/refusal.ts';
import type { Backpressure } from './backpressure.ts';

/**
 * The most events, and bytes of their JSON, that are pending, so that the memory of this process is bounded.
 */
const MAX_PENDING_EVENTS = 10_000;
const MAX_PENDING_BYTES = 32 * 1024 * 1024;

/** Redis works on one write, and finds the next one when it is done. */
const MAX_WRITES_IN_FLIGHT = 2;

/** Fewer requests than this wait for the write in flight, because a job has its own cost. */
const MIN_SECOND_WRITE_REQUESTS = 8;

/** The remembered peak decays by this factor with each write, so that it follows a load that decreases. */
const PEAK_DECAY = 0.98;

export interface EventProducerOptions extends EventQueueNames {
  /** A connection whose commands fail instead of waiting for Redis. */
  redis: Redis;
  redisWatch: Pick<DependencyWatch, 'isUp'>;
  backpressure: Pick<Backpressure, 'rejectionReason' | 'recordJob'>;
  /** Called for each job that Redis has acknowledged. */
  onQueued: (eventCount: number) => void;
  logger: Logger;
}

export interface EventProducer {
  /**
   * Resolves once Redis has acknowledged the job that carries the events: all of them in one job, or none.
   *
   * @throws ProblemError 503 if Redis has not. The events may be queued nevertheless, so a retry should carry
   *   the same `event_id`s. ProblemError 413 if the events are more than a job can carry.
   */
  enqueueEvents(events: readonly EventJob[]): Promise<void>;
  /** Resolves when no event is pending, then closes the queue but not the connection. */
  close(): Promise<void>;
}

/**
 * Opens the producer of the queue. It commits in groups: an idle service writes one event immediately, a busy
 * one fills its jobs without a timer.
 */
export function createEventProducer(options: EventProducerOptions): EventProducer {
  const { redis, redisWatch, backpressure, onQueued, logger, ...names } = options;
  const queue = openEventQueue(redis, names);
  const addJob = createJobWriter(queue, { backpressure, onQueued, logger });
  /** The most requests that were pending or in flight at the same time recently. */
  let peak = 0;
  const pending = { events: 0, bytes: 0 };

  const groups = createGroupCommit<EventsJson, void>({
    write: async (entries) => {
      pending.events = 0;
      pending.bytes = 0;
      peak *= PEAK_DECAY;
      const results = await Promise.all(packJobs(entries).map(addJob));
      // `flat` would take many times as long.
      return ([] as (Error | undefined)[]).concat(...results);
    },
    maxInFlight: MAX_WRITES_IN_FLIGHT,
    maxEagerInFlight: 1,
    // While Redis works on one half of the requests, the other half is read and answered, so that neither
    // side waits for the other.
    isFull: ({ length }, requestsInFlight) => {
      peak = Math.max(peak, length + requestsInFlight);
      return length * 2 >= peak && length >= MIN_SECOND_WRITE_REQUESTS;
    },
  });

  /** Why events are rejected before they are serialized. */
  function findRejection(count: number): ProblemError | undefined {
    if (!redisWatch.isUp) {
      const detail = 'The event queue is not reachable. Try again.';
      return createUnavailableError(detail, refuseEvents('redis_unavailable', count));
    }
    const reason = backpressure.rejectionReason();
    return reason === undefined
      ? undefined
      : createUnavailableError(reason, refuseEvents('backpressure', count));
  }

  function findProblem({ count, bytes }: EventsJson): ProblemError | undefined {
    if (bytes > MAX_ENTRY_BYTES) {
      return new ProblemError(
        413,
        `The events take ${bytes} bytes in the queue, and one request may take ${MAX_ENTRY_BYTES}. Send fewer at once.`,
        refuseEvents('too_large', count),
      );
    }
    return pending.events + count > MAX_PENDING_EVENTS || pending.bytes + bytes > MAX_PENDING_BYTES
      ? createUnavailableError(
          'Too many events are waiting here. Try again.',
          refuseEvents('overloaded', count),
        )
      : undefined;
  }

  return {
    // Not an async function, whose promise would be one more for each request.
    enqueueEvents: (events) => {
      const rejection = findRejection(events.length);
      if (rejection) {
        return Promise.reject(rejection);
      }
      const entry = serializeEvents(events);
      const problem = findProblem(entry);
      if (problem) {
        return Promise.reject(problem);
      }
      pending.events += entry.count;
      pending.bytes += entry.bytes;
      return groups.submit(entry);
    },
    close: async () => {
      await groups.drain();
      await queue.close();
    },
  };
}

/** Creates the step that adds a job. It resolves with one result for each entry of the job. */
function createJobWriter(
  queue: Queue,
  { backpressure, onQueued, logger }: Pick<EventProducerOptions, 'backpressure' | 'onQueued' | 'logger'>,
): (entries: readonly EventsJson[]) => Promise<(Error | undefined)[]> {
  const outageLog = createOutageLog(
    { began: 'Redis does not confirm events', ended: 'Redis confirms events again' },
    logger,
  );
  return async (entries) => {
    const { name, data } = createEventJob(entries);
    const events = entries.reduce((sum, { count }) => sum + count, 0);
    try {
      const { id } = await queue.add(name, data);
      backpressure.recordJob(String(id), { events, bytes: data.bytes });
      onQueued(events);
    } catch (error) {
      outageLog.failed(error as Error);
      return entries.map(({ count }) =>
        createUnavailableError('The event queue did not confirm in time. Try again.', {
          ...refuseEvents('redis_unconfirmed', count),
          cause: error,
        }),
      );
    }
    outageLog.recovered();
    return entries.map(() => undefined);
  };
}
