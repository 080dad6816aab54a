import type { QueuedLoad } from './ownJobs.ts';
import type { QueueSample, QueueState } from './queueSampler.ts';
import type { RedisMemory } from './redisMemory.ts';

interface QueueLoad {
  waiting: QueuedLoad;
  /** Absent if Redis does not report its memory, or was not sampled yet. */
  memory: Pick<RedisMemory, 'usedBytes' | 'maxBytes'> | undefined;
  isSampled: boolean;
}

/** The jobs of one state, with an estimate of their events and bytes. */
interface StateLoad extends QueuedLoad {
  jobs: number;
}

export interface QueueEstimate {
  /** Records a job that this process has queued. */
  record(load: QueuedLoad): void;
  /**
   * Replaces the last sample by a new one, if `takeSample` resolves with one. The jobs that are recorded
   * meanwhile are added to it. Resolves with whether there is a new sample.
   */
  refresh(takeSample: () => Promise<QueueSample | undefined>): Promise<boolean>;
  /** The load of the last sample and of the jobs since. */
  measure(): QueueLoad;
  /** The load of the last sample by state. Undefined if the jobs of the queue cannot be counted. */
  measureStates(): ReadonlyMap<QueueState, StateLoad> | undefined;
}

/**
 * The memory of a job in Redis without its data (measured with BullMQ 6.7 and Redis 7.0: 770 to 990 bytes).
 */
export const JOB_OVERHEAD_BYTES = 800;

/**
 * The weight of the newest job in the running means. The first jobs weigh more, so that the means start
 * right.
 */
const MEAN_WEIGHT = 0.01;

/**
 * Estimates the load of the queue between samples, so that no burst exceeds a limit. BullMQ counts jobs, so
 * the waiting events and bytes are the waiting jobs times the recent mean of a job of this process.
 */
export function createQueueEstimate(): QueueEstimate {
  const mean = { events: 1, bytes: JOB_OVERHEAD_BYTES };
  const queued = { events: 0, bytes: 0 };
  let jobCount = 0;
  let sample: QueueSample | undefined;
  let queuedAtSample: QueuedLoad = { ...queued };

  return {
    record: ({ events, bytes }) => {
      jobCount += 1;
      const weight = Math.max(MEAN_WEIGHT, 1 / jobCount);
      mean.events += (events - mean.events) * weight;
      mean.bytes += (bytes - mean.bytes) * weight;
      queued.events += events;
      queued.bytes += bytes;
    },
    refresh: async (takeSample) => {
      const queuedBefore = { ...queued };
      const next = await takeSample();
      if (next === undefined) {
        return false;
      }
      sample = next;
      queuedAtSample = queuedBefore;
      return true;
    },
    measure: () => {
      const { jobs = 0, own, memory } = sample ?? {};
      const { events, bytes } = own ?? { events: jobs * mean.events, bytes: jobs * mean.bytes };
      const newBytes = queued.bytes - queuedAtSample.bytes;
      return {
        waiting: { events: events + queued.events - queuedAtSample.events, bytes: bytes + newBytes },
        memory: memory && { usedBytes: memory.usedBytes + newBytes, maxBytes: memory.maxBytes },
        isSampled: sample !== undefined,
      };
    },
    measureStates: () => {
      const entries = sample?.jobsOfStates && (Object.entries(sample.jobsOfStates) as [QueueState, number][]);
      return (
        entries &&
        new Map(
          entries.map(([state, jobs]) => [
            state,
            { jobs, events: jobs * mean.events, bytes: jobs * mean.bytes },
          ]),
        )
      );
    },
  };
}
