import type { Logger } from '@analytics/shared/logger';
import { createOutageLog } from '@analytics/shared/outageLog';
import { retryUntilDone } from '@analytics/shared/retryUntilDone';
import { type Job, WaitingError, Worker } from 'bullmq';
import type { Redis } from 'ioredis';
import { mongo } from 'mongoose';
import type { JobResult, ProcessJob } from './processJob.ts';

/**
 * A worker that dies leaves its jobs locked for at most this long; a living one renews its locks. With the check for
 * forgotten jobs every five seconds, another worker has them within twenty.
 */
const LOCK_DURATION_MS = 15_000;
const STALLED_INTERVAL_MS = 5000;

/** How often a job may take its worker down with it before it counts as the cause. */
const MAX_STALLED_COUNT = 3;

export interface EventConsumerOptions {
  /** A connection that waits rather than fails. */
  redis: Redis;
  queueName: string;
  queuePrefix: string;
  concurrency: number;
  processJob: ProcessJob;
  logger: Logger;
}

export interface EventConsumer {
  /** Takes no further job, finishes those under way or gives them back if MongoDB is away, and closes the worker. */
  close(): Promise<void>;
}

/** Starts taking jobs off the queue. */
export function createEventConsumer(options: EventConsumerOptions): EventConsumer {
  const { redis, queueName, queuePrefix, concurrency, processJob, logger } = options;
  const stopping = new AbortController();
  const storeOutage = createOutageLog('MongoDB', logger);

  async function consumeJob(job: Job, token?: string): Promise<JobResult> {
    try {
      const result = await retryUntilDone(() => processJob(job), {
        isPassing: isMongoError,
        onFailure: storeOutage.failed,
        signal: stopping.signal,
      });
      storeOutage.recovered();
      return result;
    } catch (error) {
      if (isMongoError(error) && stopping.signal.aborted) {
        await job.moveToWait(token);
        throw new WaitingError();
      }
      throw error;
    }
  }

  const worker = new Worker<unknown, JobResult>(queueName, consumeJob, {
    connection: redis,
    prefix: queuePrefix,
    concurrency,
    lockDuration: LOCK_DURATION_MS,
    stalledInterval: STALLED_INTERVAL_MS,
    maxStalledCount: MAX_STALLED_COUNT,
    runRetryDelay: 1000,
  });
  logJobs(worker, logger);

  return {
    close: async () => {
      stopping.abort();
      await worker.close();
    },
  };
}

/** What the driver throws passes: either MongoDB comes back, or the one who runs it mends it. */
function isMongoError(error: unknown): boolean {
  return error instanceof mongo.MongoError;
}

function logJobs(worker: Worker<unknown, JobResult>, logger: Logger): void {
  const queueOutage = createOutageLog('the queue', logger);
  worker.on('completed', (job, result) => {
    queueOutage.recovered();
    logger.info({ job_id: job.id, ...result }, 'job completed');
  });
  worker.on('failed', (job, error) => {
    logger.error({ job_id: job?.id, attempts: job?.attemptsMade, err: error }, 'job failed');
  });
  worker.on('stalled', (jobId) => {
    logger.warn({ job_id: jobId }, 'job was left by a worker that ended or hung, and waits again');
  });
  worker.on('error', queueOutage.failed);
}
