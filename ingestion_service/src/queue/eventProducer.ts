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
import type { Redis } from 'ioredis';
import type { Backpressure } from './backpressure.ts';

/**
 * The most events, and bytes of their JSON, that may wait in this process for a write to Redis, so that its
 * memory stays bounded.
 */
const MAX_LINE_EVENTS = 10_000;
const MAX_LINE_BYTES = 32 * 1024 * 1024;

/** The one that Redis works on, and the one that it finds next. */
const MAX_WRITES_UNDER_WAY = 2;

/**
 * Fewer requests than this wait for the write under way, however few there are in all: a job has its own
 * cost.
 */
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
   * @throws ProblemError 503 if it did not. The events may have been queued all the same, so a retry should
   *   carry the same `event_id`s. ProblemError 413 if the events are more than a job can hold.
   */
  enqueueEvents(events: readonly EventJob[]): Promise<void>;
  /** Resolves when nothing waits any more, then closes the queue but not the connection. */
  close(): Promise<void>;
}

/** Events of one request, and how to answer it. */
interface LineEntry extends EventsJson {
  resolve: () => void;
  reject: (error: Error) => void;
}

/**
 * Opens the queue's producing end. It commits in groups: what arrives while a write to Redis is under way
 * waits in line and goes together in the next one, when that one is acknowledged or half of all requests are
 * in line. No timer: an idle service writes one event at once, a busy one fills its batches by itself.
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
  let lineBytes = 0;
  const writes = new Set<Promise<void>>();
  let requestsUnderWay = 0;
  /** How many requests were here at once lately, waiting in line or under way. */
  let peakRequests = 0;
  let isLookDue = false;

  function enqueueEvents(events: readonly EventJob[]): Promise<void> {
    return new Promise((resolve, reject) => {
      const refusal = findRefusal();
      if (refusal !== undefined) {
        reject(createUnavailableError(refusal));
        return;
      }
      const { count, json, bytes } = serializeEvents(events);
      const obstacle = findObstacle(count, bytes);
      if (obstacle) {
        reject(obstacle);
        return;
      }
      line.push({ count, json, bytes, resolve, reject });
      lineEvents += count;
      lineBytes += bytes;
      peakRequests = Math.max(peakRequests, line.length + requestsUnderWay);
      if (isLineLong()) {
        writeLine();
      } else {
        lookSoon();
      }
    });
  }

  /** Why no event is taken at the moment. */
  function findRefusal(): string | undefined {
    return redisWatch.isUp ? backpressure.findRefusal() : 'The event queue is not reachable. Try again.';
  }

  /** Why these events are not taken. */
  function findObstacle(count: number, bytes: number): ProblemError | undefined {
    if (bytes > MAX_ENTRY_BYTES) {
      return new ProblemError(
        413,
        `The events take ${bytes} bytes in the queue, and one request may take ${MAX_ENTRY_BYTES}. Send fewer at once.`,
      );
    }
    return lineEvents + count > MAX_LINE_EVENTS || lineBytes + bytes > MAX_LINE_BYTES
      ? createUnavailableError('Too many events are waiting here. Try again.')
      : undefined;
  }

  /**
   * Half of the requests that are here at once make a write without waiting for the last one: while Redis
   * works on one half, the other half is read and answered, so that neither side waits for the other.
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
    lineBytes = 0;
    requestsUnderWay += entries.length;
    peakRequests *= PEAK_DECAY;
    const write = Promise.all(packJobs(entries).map(commit)).then((answers) => {
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
    const error = await addJob(entries);
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

  async function addJob(entries: readonly EventsJson[]): Promise<Error | undefined> {
    const { name, data } = createEventJob(entries);
    const count = entries.reduce((sum, entry) => sum + entry.count, 0);
    try {
      const { id } = await queue.add(name, data);
      backpressure.noteJob(String(id), count, data.bytes);
    } catch (error) {
      outageLog.failed(error as Error);
      return createUnavailableError('The event queue did not confirm in time. Try again.', error);
    }
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
