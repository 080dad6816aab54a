import { setTimeout as delay } from 'node:timers/promises';
import type { DependencyWatch } from '@analytics/shared/service/dependencyWatch';
import type { Logger } from '@analytics/shared/service/logger';
import type { Redis } from 'ioredis';
import type { QueuedLoad } from './ownJobs.ts';
import { createQueueSampler, type QueueSample } from './queueSampler.ts';

export interface BackpressureOptions {
  redis: Redis;
  /** Knows whether that Redis answers; its outages are not logged here. */
  redisWatch: Pick<DependencyWatch, 'isUp'>;
  queueName: string;
  queuePrefix: string;
  /** New events are refused while about this many wait in the queue. */
  maxWaitingEvents: number;
  /**
   * New events are refused while about this many bytes wait in the queue; without it only where Redis hides
   * its memory.
   */
  maxQueueBytes?: number | undefined;
  /** New events are refused while Redis uses this share of its memory, in percent. */
  maxMemoryPercent: number;
  logger: Pick<Logger, 'warn' | 'info'>;
  /** The pause between two samples, in milliseconds. */
  sampleIntervalMs?: number;
}

export interface Backpressure {
  /**
   * Why new events can't be taken at the moment, for the client; undefined if they can. Does not ask Redis.
   */
  findRefusal(): string | undefined;
  /** Learns of a job that Redis has acknowledged: its events, and the bytes of its data. */
  noteJob(jobId: string, eventCount: number, dataBytes: number): void;
  stop(): void;
}

/** What a job takes of Redis beside its data (measured with BullMQ 6.7 and Redis 7.0: 770 to 990 bytes). */
const JOB_OVERHEAD_BYTES = 800;

/**
 * The weight of the newest job in the running means; the first jobs weigh more, so that the means begin
 * right.
 */
const MEAN_WEIGHT = 0.01;

/**
 * Once events are refused, they are accepted again below this share of a limit. It keeps the log short at the
 * limit.
 */
const RESUME_SHARE = 0.95;

/** A queue whose Redis hides its memory holds this much, so that a million usual events fit. */
const DEFAULT_QUEUE_BYTES = 1024 ** 3;

const TOO_MANY = 'Too many events are waiting to be stored. Try again.';
const NEARLY_FULL = 'The event queue is nearly full. Try again.';

/**
 * Refuses new events well before Redis is full, because a full Redis refuses the worker's writes as well, and
 * nothing would drain it any more.
 *
 * Three measures are limited: the waiting events, their bytes, and the memory of Redis. They are sampled;
 * between two samples what this process queues is added, so that no burst runs past a limit. BullMQ counts
 * jobs, so events and bytes that wait are the jobs that wait times what this process lately put into one.
 */
export function createBackpressure(options: BackpressureOptions): Backpressure {
  const { maxWaitingEvents, maxMemoryPercent, logger, sampleIntervalMs = 500 } = options;
  const sampler = createQueueSampler(options);
  const stopping = new AbortController();
  const mean = { events: 1, bytes: JOB_OVERHEAD_BYTES };
  const queued = { events: 0, bytes: 0 };
  let jobCount = 0;
  let sample: QueueSample | undefined;
  let queuedBefore: QueuedLoad = { ...queued };
  let refusal: string | undefined;

  /** The fullest measure: its share of the limit, and the refusal that clients get once that reaches 1. */
  function findFill(): { share: number; refusal: string } {
    const sinceSample = {
      events: queued.events - queuedBefore.events,
      bytes: queued.bytes - queuedBefore.bytes,
    };
    const { events, bytes } = estimateWaiting();
    const maxBytes =
      options.maxQueueBytes ?? (sample && !sample.memory ? DEFAULT_QUEUE_BYTES : Number.POSITIVE_INFINITY);
    const waitingShare = Math.max(
      (events + sinceSample.events) / maxWaitingEvents,
      (bytes + sinceSample.bytes) / maxBytes,
    );
    const memoryShare = sample?.memory
      ? (sample.memory.usedBytes + sinceSample.bytes) / ((sample.memory.maxBytes * maxMemoryPercent) / 100)
      : 0;
    return waitingShare >= memoryShare
      ? { share: waitingShare, refusal: TOO_MANY }
      : { share: memoryShare, refusal: NEARLY_FULL };
  }

  /** What waited at the last sample. */
  function estimateWaiting(): QueuedLoad {
    const { jobs = 0, own } = sample ?? {};
    return own ?? { events: jobs * mean.events, bytes: jobs * mean.bytes };
  }

  /** Decides anew, once per job and per sample, so that a request costs a look at the decision. */
  function decide(): void {
    const fill = findFill();
    const isRefusing = fill.share >= (refusal === undefined ? 1 : RESUME_SHARE);
    if (isRefusing && refusal === undefined) {
      logger.warn(`new events are refused: ${fill.refusal}`);
    } else if (!isRefusing && refusal !== undefined) {
      logger.info('new events are accepted again');
    }
    refusal = isRefusing ? fill.refusal : undefined;
  }

  async function watch(): Promise<void> {
    while (!stopping.signal.aborted) {
      const queuedNow = { ...queued };
      const next = await sampler.take();
      // Without an answer the last sample stands; that Redis is away refuses events by itself.
      if (next) {
        sample = next;
        queuedBefore = queuedNow;
        decide();
      }
      await delay(sampleIntervalMs, undefined, { signal: stopping.signal }).catch(() => undefined);
    }
  }
  void watch();

  return {
    findRefusal: () => refusal,
    noteJob: (jobId, events, dataBytes) => {
      const bytes = dataBytes + JOB_OVERHEAD_BYTES;
      jobCount += 1;
      const weight = Math.max(MEAN_WEIGHT, 1 / jobCount);
      mean.events += (events - mean.events) * weight;
      mean.bytes += (bytes - mean.bytes) * weight;
      queued.events += events;
      queued.bytes += bytes;
      sampler.noteJob(jobId, { events, bytes });
      decide();
    },
    stop: () => stopping.abort(),
  };
}
