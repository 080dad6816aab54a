import { repeatEvery } from '@analytics/shared/async/repeatEvery';
import type { QueuedLoad } from './ownJobs.ts';
import { createQueueEstimate, JOB_OVERHEAD_BYTES, type QueueEstimate } from './queueEstimate.ts';
import { createQueueSampler, type QueueSamplerOptions } from './queueSampler.ts';

export interface BackpressureOptions extends QueueSamplerOptions {
  /** Reject new events while about this many wait in the queue. */
  maxWaitingEvents: number;
  /**
   * Reject new events while about this many bytes wait in the queue. Absent: DEFAULT_QUEUE_BYTES where Redis
   * does not report its memory, else no limit.
   */
  maxQueueBytes?: number | undefined;
  /** The pause between two samples, in milliseconds. */
  sampleIntervalMs?: number;
}

export interface Backpressure {
  /** Why new events are rejected, for the client. Undefined: they are accepted. Does not query Redis. */
  rejectionReason(): string | undefined;
  /** Records a job that Redis has acknowledged: its events, and the bytes of its data. */
  recordJob(jobId: string, load: QueuedLoad): void;
  /** The load of the queue and of Redis, as the limits see it. Does not query Redis. */
  readonly load: Pick<QueueEstimate, 'measure' | 'measureStates'>;
  stop(): void;
}

/** Rejected events are accepted again below this share of a limit. It keeps the log short at the limit. */
const RESUME_SHARE = 0.95;

/** The limit where Redis does not report its memory: a million usual events fit. */
const DEFAULT_QUEUE_BYTES = 1024 ** 3;

const TOO_MANY = 'Too many events are waiting to be stored. Try again.';
const NEARLY_FULL = 'The event queue is nearly full. Try again.';

/**
 * Rejects new events well before Redis is full, because a full Redis refuses the worker's writes as well, and
 * nothing would drain it. There are limits for the waiting events, for their bytes and for the memory of
 * Redis.
 */
export function createBackpressure(options: BackpressureOptions): Backpressure {
  const { maxWaitingEvents, maxQueueBytes, maxMemoryPercent, logger, sampleIntervalMs = 500 } = options;
  const sampler = createQueueSampler(options);
  const estimate = createQueueEstimate();
  let rejection: string | undefined;

  /** The measure nearest to its limit: its share of the limit, and the reason that clients get from 1 on. */
  function findFill(): { share: number; rejection: string } {
    const { waiting, memory, isSampled } = estimate.measure();
    const maxBytes = maxQueueBytes ?? (isSampled && !memory ? DEFAULT_QUEUE_BYTES : Number.POSITIVE_INFINITY);
    const waitingShare = Math.max(waiting.events / maxWaitingEvents, waiting.bytes / maxBytes);
    const memoryShare = memory ? memory.usedBytes / ((memory.maxBytes * maxMemoryPercent) / 100) : 0;
    return waitingShare >= memoryShare
      ? { share: waitingShare, rejection: TOO_MANY }
      : { share: memoryShare, rejection: NEARLY_FULL };
  }

  /** Runs once per job and per sample, so that a request only reads the decision. */
  function decide(): void {
    const fill = findFill();
    const isRejecting = fill.share >= (rejection === undefined ? 1 : RESUME_SHARE);
    if (isRejecting && rejection === undefined) {
      logger.warn(`new events are refused: ${fill.rejection}`);
    } else if (!isRejecting && rejection !== undefined) {
      logger.info('new events are accepted again');
    }
    rejection = isRejecting ? fill.rejection : undefined;
  }

  const sampling = repeatEvery(sampleIntervalMs, async () => {
    // Without a new sample, the last one stays. While Redis is away, the producer rejects events.
    if (await estimate.refresh(sampler.take)) {
      decide();
    }
  });

  return {
    rejectionReason: () => rejection,
    recordJob: (jobId, { events, bytes }) => {
      const load = { events, bytes: bytes + JOB_OVERHEAD_BYTES };
      estimate.record(load);
      sampler.recordJob(jobId, load);
      decide();
    },
    load: estimate,
    stop: () => void sampling.stop(),
  };
}
