import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from '@analytics/shared/logger';
import type { Redis } from 'ioredis';

export interface BackpressureOptions {
  redis: Redis;
  queueName: string;
  queuePrefix: string;
  /** New events are refused while about this many wait in the queue. */
  maxWaitingEvents: number;
  /** New events are refused while Redis has used this share of its `maxmemory`, in percent. */
  maxMemoryPercent: number;
  logger: Pick<Logger, 'warn' | 'info'>;
  /** The pause between two samples, in milliseconds. */
  sampleIntervalMs?: number;
}

export interface Backpressure {
  /** Why new events can't be taken at the moment, for the client; undefined if they can. Answers from the last sample. */
  findRefusal(): string | undefined;
  /** Learns how many events a job carries. */
  noteJob(eventCount: number): void;
  stop(): void;
}

/** The weight of the newest job in the running mean of events per job. */
const MEAN_WEIGHT = 0.01;

/**
 * Samples how full the queue and Redis are. Events are refused well before Redis is full, because a full Redis refuses the
 * worker's writes as well, and nothing would drain it any more.
 *
 * BullMQ counts jobs and not events, so the waiting events are the waiting jobs times the mean number of events that this
 * process lately put into one.
 */
export function createBackpressure(options: BackpressureOptions): Backpressure {
  const {
    redis,
    queueName,
    queuePrefix,
    maxWaitingEvents,
    maxMemoryPercent,
    logger,
    sampleIntervalMs = 500,
  } = options;
  const waitKey = `${queuePrefix}:${queueName}:wait`;
  const stopping = new AbortController();
  let meanJobEvents = 1;
  let refusal: string | undefined;

  async function sample(): Promise<string | undefined> {
    const [waitingJobs, memory] = await Promise.all([redis.llen(waitKey), redis.info('memory')]);
    if (waitingJobs * meanJobEvents >= maxWaitingEvents) {
      return 'Too many events are waiting to be stored. Try again.';
    }
    if (readMemoryPercent(memory) >= maxMemoryPercent) {
      return 'The event queue is nearly full. Try again.';
    }
    return undefined;
  }

  function tell(next: string | undefined): void {
    if (next === undefined) {
      logger.info('new events are accepted again');
    } else {
      logger.warn(`new events are refused: ${next}`);
    }
  }

  async function watch(): Promise<void> {
    while (!stopping.signal.aborted) {
      // A Redis that does not answer is the watch's to notice; its return brings the next sample.
      const next = await sample().catch(() => refusal);
      if (next !== refusal) {
        tell(next);
      }
      refusal = next;
      await delay(sampleIntervalMs, undefined, { signal: stopping.signal }).catch(() => undefined);
    }
  }
  void watch();

  return {
    findRefusal: () => refusal,
    noteJob: (eventCount) => {
      meanJobEvents += (eventCount - meanJobEvents) * MEAN_WEIGHT;
    },
    stop: () => stopping.abort(),
  };
}

/** The share of `maxmemory` in use, in percent; 0 where Redis has no such limit. */
function readMemoryPercent(info: string): number {
  const used = Number(/^used_memory:(\d+)/m.exec(info)?.[1]);
  const max = Number(/^maxmemory:(\d+)/m.exec(info)?.[1]);
  return max > 0 ? (100 * used) / max : 0;
}
