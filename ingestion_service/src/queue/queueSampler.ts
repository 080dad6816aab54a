import type { EventQueueNames } from '@analytics/shared/event/eventQueue';
import type { DependencyWatch } from '@analytics/shared/service/dependencyWatch';
import type { Logger } from '@analytics/shared/service/logger';
import { createOutageLog, type OutageWords } from '@analytics/shared/service/outageLog';
import type { Redis } from 'ioredis';
import { createOwnJobs, type QueuedLoad } from './ownJobs.ts';
import { type RedisMemory, readRedisMemory } from './redisMemory.ts';

/**
 * BullMQ's lists and sets of jobs that still have to be stored. `paused` is where older versions of BullMQ
 * put the jobs of a paused queue. `failed` is absent: it drains into the dead letters by itself, and its
 * memory counts as memory.
 */
const LISTS = ['wait', 'paused', 'active'] as const;
const SORTED_SETS = ['prioritized', 'delayed'] as const;

/** The states of jobs that still have to be stored, by BullMQ's names. */
export const QUEUE_STATES = [...LISTS, ...SORTED_SETS] as const;

export type QueueState = (typeof QUEUE_STATES)[number];

/** The load of the queue and the memory of its Redis. Fields that Redis does not report are absent. */
export interface QueueSample {
  /** The jobs of the queue that no worker has finished. */
  jobs?: number;
  /** The same by state. */
  jobsOfStates?: Readonly<Record<QueueState, number>>;
  /** The unfinished jobs of this process. Present only if the jobs of the queue cannot be counted. */
  own?: QueuedLoad;
  memory?: RedisMemory;
}

export interface QueueSamplerOptions extends EventQueueNames {
  redis: Redis;
  /** Logs the outages of Redis. */
  redisWatch: Pick<DependencyWatch, 'isUp'>;
  /** Reject new events while Redis uses this share of its memory, in percent. */
  maxMemoryPercent: number;
  logger: Pick<Logger, 'warn' | 'info'>;
}

export interface QueueSampler {
  /** Queries Redis. Resolves with undefined if it does not answer at all. */
  take(): Promise<QueueSample | undefined>;
  /** Records a job that this process has queued. */
  recordJob(jobId: string, load: QueuedLoad): void;
}

/**
 * A failure is logged once it lasts this many samples. A shorter one is a broken connection, which its watch
 * logs.
 */
const LOGGED_FAILURES = 3;

/**
 * Samples the queue with the permissions of the Redis user: the memory of Redis by INFO, the jobs by LLEN and
 * ZCARD. Where jobs cannot be counted, it follows the jobs of this process one by one. Logs failures.
 */
export function createQueueSampler(options: QueueSamplerOptions): QueueSampler {
  const { redis, queueName, queuePrefix, maxMemoryPercent, logger } = options;
  const toKey = (name: string) => `${queuePrefix}:${queueName}:${name}`;
  const ownJobs = createOwnJobs(redis, toKey);
  const memoryLog = createReadLog(MEMORY_WORDS, options);
  const jobsLog = createReadLog(JOBS_WORDS, options);
  let areJobsCounted = true;
  let wasWarned = false;

  async function countJobs(): Promise<Required<Pick<QueueSample, 'jobs' | 'jobsOfStates'>>> {
    const counts = await Promise.all([
      ...LISTS.map((name) => redis.llen(toKey(name))),
      ...SORTED_SETS.map((name) => redis.zcard(toKey(name))),
    ]);
    const ofStates = QUEUE_STATES.map((state, index) => [state, counts[index] ?? 0]);
    return {
      jobs: counts.reduce((sum, count) => sum + count, 0),
      jobsOfStates: Object.fromEntries(ofStates) as Record<QueueState, number>,
    };
  }

  async function readMemory(): Promise<RedisMemory> {
    const memory = readRedisMemory(await redis.info('memory'));
    if (!memory.hasMaxMemory && !wasWarned) {
      const limitMebibytes = Math.round((memory.maxBytes * maxMemoryPercent) / 100 / 1024 ** 2);
      logger.warn(
        `This Redis has no maxmemory. New events are refused once it uses ${limitMebibytes} MiB ` +
          `(${maxMemoryPercent} % of half of its machine's memory). Set maxmemory to what it may really use.`,
      );
    }
    wasWarned = !memory.hasMaxMemory;
    return memory;
  }

  async function take(): Promise<QueueSample | undefined> {
    const [jobs, memory] = await Promise.allSettled([countJobs(), readMemory()]);
    memoryLog(findError(memory));
    jobsLog(findError(jobs));
    const sample: QueueSample = memory.status === 'fulfilled' ? { memory: memory.value } : {};
    areJobsCounted = jobs.status === 'fulfilled';
    if (jobs.status === 'fulfilled') {
      return { ...sample, ...jobs.value };
    }
    const own = await ownJobs.count().catch(() => undefined);
    return own ? { ...sample, own } : undefined;
  }

  return {
    take,
    recordJob: (jobId, load) => {
      if (!areJobsCounted) {
        ownJobs.record(jobId, load);
      }
    },
  };
}

const MEMORY_WORDS: OutageWords = {
  began:
    'The memory of Redis cannot be read, so new events are refused by the bytes that wait in the queue (QUEUE_MAX_BYTES). ' +
    'Allow the Redis user INFO',
  ended: 'the memory of Redis can be read again',
};

const JOBS_WORDS: OutageWords = {
  began:
    'The jobs in the queue cannot be counted, so only those of this process count against the limits. ' +
    'Allow the Redis user LLEN and ZCARD',
  ended: 'the jobs in the queue can be counted again',
};

/** Logs a failure once per outage, if Redis is up. */
function createReadLog(
  words: OutageWords,
  { redisWatch, logger }: Pick<QueueSamplerOptions, 'redisWatch' | 'logger'>,
): (error: Error | undefined) => void {
  const outageLog = createOutageLog(words, logger);
  let failures = 0;
  return (error) => {
    failures = error ? failures + 1 : 0;
    if (!error) {
      outageLog.recovered();
    } else if (failures >= LOGGED_FAILURES && redisWatch.isUp) {
      outageLog.failed(error);
    }
  };
}

function findError(result: PromiseSettledResult<unknown>): Error | undefined {
  return result.status === 'rejected' ? (result.reason as Error) : undefined;
}
