import { repeatEvery } from '@analytics/shared/async/repeatEvery';
import type { DependencyWatch } from '@analytics/shared/service/dependencyWatch';
import type { Logger } from '@analytics/shared/service/logger';
import type { Redis } from 'ioredis';
import type { QueuedLoad } from './ownJobs.ts';
import { createQueueSampler, type QueueSample } from './queueSampler.ts';

export interface BackpressureOptions {
  redis: Redis;
  /** Logs the outages of Redis. */
  redisWatch: Pick<DependencyWatch, 'isUp'>;
  queueName: string;
  queuePrefix: string;
  /** Reject new events while about this many wait in the queue. */
  maxWaitingEvents: number;
  /**
   * Reject new events while about this many bytes wait in the queue. Absent: DEFAULT_QUEUE_BYTES where Redis
   * does not report its memory, else no limit.
   */
  maxQueueBytes?: number | undefined;
  /** Reject new events while Redis uses this share of its memory, in percent. */
  maxMemoryPercent: number;
  logger: Pick<Logger, 'warn' | 'info'>;
  /** The pause between two samples, in milliseconds. */
  sampleIntervalMs?: number;
}

export interface Backpressure {
  /** Why new events are rejected, for the client. Undefined: they are accepted. Does not query Redis. */
  rejectionReason(): string | undefined;
  /** Records a job that Redis has acknowledged: its events, and the bytes of its data. */
  recordJob(jobId: string, load: QueuedLoad): void;
  stop(): void;
}

/**
 * The memory of a job in Redis without its data (measured with BullMQ 6.7 and Redis 7.0: 770 to 990 bytes).
 */
const JOB_OVERHEAD_BYTES = 800;

/**
 * The weight of the newest job in the running means. The first jobs weigh more, so that the means start
 * right.
 */
const MEAN_WEIGHT = 0.01;

/** Rejected events are accepted again below this share of a limit. It keeps the log short at the limit. */
const RESUME_SHARE = 0.95;

/** The limit where Redis does not report its memory: a million usual events fit. */
const DEFAULT_QUEUE_BYTES = 1024 ** 3;

const TOO_MANY = 'Too many events are waiting to be stored. Try again.';
const NEARLY_FULL = 'The event queue is nearly full. Try again.';

/**
 * Rejects new events well before Redis is full, because a full Redis refuses the worker's writes as well, and
 * nothing would drain it.
 *
 * There are limits for the waiting events, for their bytes and for the memory of Redis. They are sampled.
 * Between two samples, the jobs of this process are added, so that no burst exceeds a limit. BullMQ counts
 * jobs, so the waiting events and bytes are the waiting jobs times the recent mean of a job of this process.
 */
export function createBackpressure(options: BackpressureOptions): Backpressure {
  const { maxWaitingEvents, maxMemoryPercent, logger, sampleIntervalMs = 500 } = options;
  const sampler = createQueueSampler(options);
  const mean = { events: 1, bytes: JOB_OVERHEAD_BYTES };
  const queued = { events: 0, bytes: 0 };
  let jobCount = 0;
  let sample: QueueSample | undefined;
  let queuedBefore: QueuedLoad = { ...queued };
  let rejection: string | undefined;

  /** The measure nearest to its limit: its share of the limit, and the reason that clients get from 1 on. */
  function findFill(): { share: number; rejection: string } {
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
      ? { share: waitingShare, rejection: TOO_MANY }
      : { share: memoryShare, rejection: NEARLY_FULL };
  }

  /** The waiting load at the last sample. */
  function estimateWaiting(): QueuedLoad {
    const { jobs = 0, own } = sample ?? {};
    return own ?? { events: jobs * mean.events, bytes: jobs * mean.bytes };
  }

  /** Runs once per job and per sample, so that a request only reads the decision. */
  function decide(): void {
    const fill = findFill();
    const isRefusing = fill.share >= (rejection === undefined ? 1 : RESUME_SHARE);
    if (isRefusing && rejection === undefined) {
      logger.warn(`new events are refused: ${fill.rejection}`);
    } else if (!isRefusing && rejection !== undefined) {
      logger.info('new events are accepted again');
    }
    rejection = isRefusing ? fill.rejection : undefined;
  }

  const sampling = repeatEvery(sampleIntervalMs, async () => {
    const queuedNow = { ...queued };
    const next = await sampler.take();
    // Without an answer the last sample stays. While Redis is away, the producer rejects events.
    if (next) {
      sample = next;
      queuedBefore = queuedNow;
      decide();
    }
  });

  return {
    rejectionReason: () => rejection,
    recordJob: (jobId, load) => {
      const { events } = load;
      const bytes = load.bytes + JOB_OVERHEAD_BYTES;
      jobCount += 1;
      const weight = Math.max(MEAN_WEIGHT, 1 / jobCount);
      mean.events += (events - mean.events) * weight;
      mean.bytes += (bytes - mean.bytes) * weight;
      queued.events += events;
      queued.bytes += bytes;
      sampler.recordJob(jobId, { events, bytes });
      decide();
    },
    stop: () => void sampling.stop(),
  };
}
