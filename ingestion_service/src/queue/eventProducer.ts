import type { DependencyWatch } from '@analytics/shared/dependencyWatch';
import type { EventJob } from '@analytics/shared/event';
import {
  type EventQueueNames,
  INGEST_BATCH_JOB,
  INGEST_EVENT_JOB,
  openEventQueue,
} from '@analytics/shared/eventQueue';
import type { Logger } from '@analytics/shared/logger';
import { createOutageLog } from '@analytics/shared/outageLog';
import { createUnavailableError } from '@analytics/shared/problem';
import type { Redis } from 'ioredis';
import type { Backpressure } from './backpressure.ts';
import { fillJobs, type RequestEvents, sumTextUnits } from './fillJobs.ts';

/**
 * More events than this, or longer texts in UTF-16 code units, waiting in this process for a write to Redis are refused, so that
 * its memory stays bounded.
 */
const MAX_LINE_EVENTS = 10_000;
const MAX_LINE_UNITS = 32 * 1024 * 1024;

/** The one that Redis works on, and the one that it finds next. */
const MAX_WRITES_UNDER_WAY = 2;

/** Fewer requests than this wait for the write under way, however few there are in all: a job has its own cost. */
const MIN_SECOND_WRITE = 8;

/** What is left of the remembered peak at each write, so that it follows a load that goes down. */
const PEAK_DECAY = 0.98;

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
interface LineEntry extends RequestEvents {
  resolve: () => void;
  reject: (error: Error) => void;
}

/**
 * Opens the queue's producing end. It commits in groups: what arrives while a write to Redis is under way waits in line and
 * goes together in the next one, when that one is acknowledged or half of all requests are in line. No timer: an idle service
 * writes one event at once, a busy one fills its batches by itself.
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
  let lineUnits = 0;
  const writes = new Set<Promise<void>>();
  let requestsUnderWay = 0;
  /** How many requests were here at once lately, waiting in line or under way. */
  let peakRequests = 0;
  let isLookDue = false;

  function enqueueEvents(events: readonly EventJob[]): Promise<void> {
    return new Promise((resolve, reject) => {
      const units = sumTextUnits(events);
      const refusal = findRefusal(events.length, units);
      if (refusal !== undefined) {
        reject(createUnavailableError(refusal));
        return;
      }
      line.push({ events, units, resolve, reject });
      lineEvents += events.length;
      lineUnits += units;
      peakRequests = Math.max(peakRequests, line.length + requestsUnderWay);
      if (isLineLong()) {
        writeLine();
      } else {
        lookSoon();
      }
    });
  }

  function findRefusal(count: number, units: number): string | undefined {
    if (!redisWatch.isUp) {
      return 'The event queue is not reachable. Try again.';
    }
    if (lineEvents + count > MAX_LINE_EVENTS || lineUnits + units > MAX_LINE_UNITS) {
      return 'Too many events are waiting here. Try again.';
    }
    return backpressure.findRefusal();
  }

  /**
   * Half of the requests that are here at once make a write without waiting for the last one: while Redis works on one half,
   * the other half is read and answered, so that neither side waits for the other.
   */
  function isLineLong(): boolean {
    return (
      writes.size < MAX_WRITES_UNDER_WAY && line.length >= MIN_SECOND_WRITE && line.length * 2 >= peakRequests
    );
  }

  /** Lets every request that has already arrived take its place first, so that they share a write. */
  function lookSoon(): void {
    if (!isLookDue) {
      isLookDue = true;
      setImmediate(() => {
        isLookDue = false;
        look();
      });
    }
  }

  function look(): void {
    if (line.length > 0 && (writes.size === 0 || isLineLong())) {
      writeLine();
    }
  }

  function writeLine(): void {
    const entries = line;
    line = [];
    lineEvents = 0;
    lineUnits = 0;
    requestsUnderWay += entries.length;
    peakRequests *= PEAK_DECAY;
    const write = Promise.all(fillJobs(entries).map(commit)).then((answers) => {
      writes.delete(write);
      requestsUnderWay -= entries.length;
      // Redis gets the next write to work on before the answers of this one are written.
      look();
      for (const answer of answers) {
        answer();
      }
    });
    writes.add(write);
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
      while (line.length > 0 || writes.size > 0) {
        await Promise.all(writes);
        await new Promise(setImmediate);
      }
      await queue.close();
    },
  };
}
