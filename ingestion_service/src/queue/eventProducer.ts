import type { DependencyWatch } from '@analytics/shared/dependencyWatch';
import type { EventJob } from '@analytics/shared/event';
import {
  type EventQueueNames,
  INGEST_BATCH_JOB,
  INGEST_EVENT_JOB,
  MAX_JOB_EVENTS,
  openEventQueue,
} from '@analytics/shared/eventQueue';
import type { Logger } from '@analytics/shared/logger';
import { createOutageLog } from '@analytics/shared/outageLog';
import { createUnavailableError } from '@analytics/shared/problem';
import type { Redis } from 'ioredis';
import type { Backpressure } from './backpressure.ts';

/** More than this many events waiting in this process for a write to Redis are refused, so that its memory stays bounded. */
const MAX_LINE_EVENTS = 10_000;

export interface EventProducerOptions extends EventQueueNames {
  /** A connection that fails rather than waits. */
  redis: Redis;
  /** Knows whether that Redis answers. */
  redisWatch: Pick<DependencyWatch, 'isUp'>;
  backpressure: Pick<Backpressure, 'findRefusal' | 'noteJob'>;
  logger: Logger;
}

export interface EventProducer {
  /**
   * Resolves once Redis has acknowledged the job that carries the events: all of them in one job, or none.
   *
   * @throws ProblemError 503 if it did not. The events may have been queued all the same, so a retry should carry the same
   * `event_id`s.
   */
  enqueueEvents(events: readonly EventJob[]): Promise<void>;
  /** Resolves when nothing waits any more, then closes the queue; the connection is left to whoever opened it. */
  close(): Promise<void>;
}

/** Events of one request, and how to answer it. */
interface LineEntry {
  events: readonly EventJob[];
  resolve: () => void;
  reject: (error: Error) => void;
}

/**
 * Opens the queue's producing end. It commits in groups: what arrives while a write to Redis is under way waits in line and
 * goes together in the next one. No timer: an idle service writes one event at once, a busy one fills its batches by itself.
 */
export function createEventProducer(options: EventProducerOptions): EventProducer {
  const { redis, redisWatch, backpressure, logger, ...names } = options;
  const queue = openEventQueue(redis, names);
  const outageLog = createOutageLog(
    { began: 'Redis does not confirm events', ended: 'Redis confirms events again' },
    logger,
  );
  let line: LineEntry[] = [];
  let lineEvents = 0;
  let writing: Promise<void> | undefined;

  function enqueueEvents(events: readonly EventJob[]): Promise<void> {
    return new Promise((resolve, reject) => {
      const refusal = findRefusal(events.length);
      if (refusal !== undefined) {
        reject(createUnavailableError(refusal));
        return;
      }
      line.push({ events, resolve, reject });
      lineEvents += events.length;
      writing ??= writeLine();
    });
  }

  function findRefusal(count: number): string | undefined {
    if (!redisWatch.isUp) {
      return 'The event queue is not reachable. Try again.';
    }
    if (lineEvents + count > MAX_LINE_EVENTS) {
      return 'Too many events are waiting here. Try again.';
    }
    return backpressure.findRefusal();
  }

  async function writeLine(): Promise<void> {
    // Lets every request that has already arrived take its place, so that they share the first write.
    await new Promise(setImmediate);
    let answerLast = () => {};
    while (line.length > 0) {
      const entries = line;
      line = [];
      lineEvents = 0;
      const written = Promise.all(fillJobs(entries).map(commit));
      // The last write is answered only now, so that Redis has the next one to work on meanwhile.
      setImmediate(answerLast);
      const answers = await written;
      answerLast = () => {
        for (const answer of answers) {
          answer();
        }
      };
    }
    writing = undefined;
    answerLast();
  }

  /** Resolves with what answers the entries, once Redis has acknowledged their job or has not. */
  async function commit(entries: LineEntry[]): Promise<() => void> {
    const error = await addJob(entries.flatMap(({ events }) => events));
    return () => {
      for (const entry of entries) {
        if (error) {
          entry.reject(error);
        } else {
          entry.resolve();
        }
      }
    };
  }

  async function addJob(events: EventJob[]): Promise<Error | undefined> {
    try {
      if (events.length === 1) {
        await queue.add(INGEST_EVENT_JOB, events[0]);
      } else {
        await queue.add(INGEST_BATCH_JOB, { events });
      }
    } catch (error) {
      if (error instanceof TypeError || error instanceof RangeError) {
        return error;
      }
      outageLog.failed(error as Error);
      return createUnavailableError('The event queue did not confirm in time. Try again.', error);
    }
    backpressure.noteJob(events.length);
    outageLog.recovered();
    return undefined;
  }

  return {
    enqueueEvents,
    close: async () => {
      await writing;
      await queue.close();
    },
  };
}

/** Spreads requests over as few jobs as there can be, each request's events whole in one of them. */
function fillJobs(entries: LineEntry[]): LineEntry[][] {
  const jobs: LineEntry[][] = [];
  let room = 0;
  for (const entry of entries) {
    if (entry.events.length > room) {
      jobs.push([]);
      room = MAX_JOB_EVENTS;
    }
    jobs.at(-1)?.push(entry);
    room -= entry.events.length;
  }
  return jobs;
}
