import { setMaxListeners } from 'node:events';
import { retryUntilDone } from '@analytics/shared/async/retryUntilDone';
import type { EventJob } from '@analytics/shared/event/event';
import type { EventQueueNames } from '@analytics/shared/event/eventQueue';
import type { DependencyWatch } from '@analytics/shared/service/dependencyWatch';
import type { Logger } from '@analytics/shared/service/logger';
import { createOutageLog } from '@analytics/shared/service/outageLog';
import { type Job, WaitingError } from 'bullmq';
import type { Redis } from 'ioredis';
import { isTransientError } from '../database/writeErrors.ts';
import { EventWorker } from '../queue/eventWorker.ts';
import type { JobQuarantine } from './jobQuarantine.ts';
import { type JobResult, type ProcessJob, toQueuedJob } from './processJob.ts';

/**
 * A dead worker's jobs stay locked this long; live workers renew their locks. Other workers check for
 * unlocked jobs at this interval, so they take a dead worker's jobs within eleven seconds.
 */
const LOCK_DURATION_MS = 10_000;
const STALLED_INTERVAL_MS = 1000;

/** A job that lost this many workers counts as the cause, and its events become dead letters. */
const MAX_STALLED_COUNT = 3;

/** How long a stopping worker lets its jobs finish before it returns them to the queue (ms). */
const FINISH_DEADLINE_MS = 5000;

/** How long it then waits for Redis to take them (ms). After that, their locks expire. */
const CLOSE_DEADLINE_MS = 10_000;

export interface EventConsumerOptions extends EventQueueNames {
  /** A connection whose commands wait for Redis instead of failing. */
  redis: Redis;
  redisWatch: Pick<DependencyWatch, 'isUp'>;
  mongoWatch: Pick<DependencyWatch, 'isUp'>;
  concurrency: number;
  processJob: ProcessJob;
  quarantine: JobQuarantine;
  /** Called after a job with new events is stored, with the time when it was queued (ms since 1970). */
  onJobStored?: ((queuedMs: number) => void) | undefined;
  /** Called after each failed attempt of a job. */
  onJobFailed: () => void;
  logger: Logger;
}

export interface EventConsumer {
  /** Takes no further job, finishes the running ones or returns them to the queue, and closes the worker. */
  close(): Promise<void>;
}

/** Starts to take jobs from the queue. */
export function createEventConsumer(options: EventConsumerOptions): EventConsumer {
  const { redis, redisWatch, queueName, queuePrefix, concurrency, quarantine, onJobFailed, logger } = options;
  const stopping = new AbortController();
  const handingOff = new AbortController();
  // Each running job listens to both.
  setMaxListeners(2 * concurrency, stopping.signal, handingOff.signal);
  const consumeJob = createConsumeJob(options, stopping.signal, handingOff.signal);
  const consume = (job: Job, token?: string) => quarantine.run(job, token, () => consumeJob(job, token));
  const worker = new EventWorker<JobResult>(queueName, consume, {
    connection: redis,
    prefix: queuePrefix,
    concurrency,
    lockDuration: LOCK_DURATION_MS,
    stalledInterval: STALLED_INTERVAL_MS,
    maxStalledCount: MAX_STALLED_COUNT,
    runRetryDelay: 1000,
    // The jobs of a foreign producer may lack the option, and would fill Redis.
    removeOnComplete: { count: 0 },
    skipVersionCheck: true,
  });
  logJobs(worker, logger);
  worker.on('failed', onJobFailed);

  return {
    close: async () => {
      stopping.abort();
      const handOff = setTimeout(() => handingOff.abort(), FINISH_DEADLINE_MS);
      // Without Redis, no job can finish or return to the queue. The locks expire by themselves.
      const deadline = setTimeout(() => worker.disconnect(), redisWatch.isUp ? CLOSE_DEADLINE_MS : 0);
      await worker.close(!redisWatch.isUp);
      clearTimeout(handOff);
      clearTimeout(deadline);
    },
  };
}

/**
 * Creates the step that processes a job, and repeats it while MongoDB is unavailable. Once `stopping` aborts,
 * a job that would be repeated returns to the queue; once `handingOff` aborts, every job does.
 */
function createConsumeJob(
  { processJob, mongoWatch, onJobStored, logger }: EventConsumerOptions,
  stopping: AbortSignal,
  handingOff: AbortSignal,
): (job: Job, token?: string) => Promise<JobResult> {
  const outageLog = createOutageLog(
    { began: 'MongoDB rejects writes', ended: 'MongoDB accepts writes again' },
    logger,
  );
  return async (job, token) => {
    try {
      const result = await retryUntilDone(() => rejectOnAbort(handingOff, processJob(toQueuedJob(job))), {
        isTransient: isTransientError,
        // The watch logs that MongoDB is away. A rejected write is logged here.
        onFailure: (error) => mongoWatch.isUp && outageLog.failed(error),
        signal: stopping,
      });
      outageLog.recovered();
      if (result.stored > 0) {
        onJobStored?.(job.timestamp);
      }
      return result;
    } catch (error) {
      if ((isTransientError(error) || error === handingOff.reason) && stopping.aborted) {
        await job.moveToWait(token);
        throw new WaitingError();
      }
      throw error;
    }
  };
}

/** Rejects when the signal aborts. The work continues; storing its events twice does no harm. */
function rejectOnAbort<Result>(signal: AbortSignal, work: Promise<Result>): Promise<Result> {
  return new Promise((resolve, reject) => {
    const onAbort = () => reject(signal.reason);
    signal.addEventListener('abort', onAbort);
    void work.then(resolve, reject).finally(() => signal.removeEventListener('abort', onAbort));
  });
}

function isConnectionError(error: NodeJS.ErrnoException): boolean {
  return error.syscall !== undefined || error.message.includes('Connection is closed');
}

function logJobs(worker: EventWorker<JobResult>, logger: Logger): void {
  const queueOutage = createOutageLog(
    { began: 'cannot take jobs from the queue', ended: 'jobs can be taken from the queue again' },
    logger,
  );
  worker.on('active', queueOutage.recovered);
  worker.on('completed', (job, result) => {
    logger.info({ job_id: job.id, ...result }, 'job completed');
  });
  worker.on('failed', (job, error) => {
    const event_id = (job?.data as Partial<EventJob> | null)?._id;
    logger.error({ job_id: job?.id, event_id, attempts: job?.attemptsMade, err: error }, 'job failed');
  });
  worker.on('stalled', (jobId) => {
    logger.warn({ job_id: jobId }, 'job stalled: its worker ended or hung, and it waits again');
  });
  worker.on('error', (error) => {
    // The watch logs the connection's errors.
    if (!isConnectionError(error)) {
      queueOutage.failed(error);
    }
  });
}
