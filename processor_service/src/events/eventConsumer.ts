import { setMaxListeners } from 'node:events';
import { retryUntilDone } from '@analytics/shared/async/retryUntilDone';
import type { EventJob } from '@analytics/shared/event/event';
import type { EventQueueNames } from '@analytics/shared/event/eventQueue';
import type { DependencyWatch } from '@analytics/shared/service/dependencyWatch';
import type { Logger } from '@analytics/shared/service/logger';
import { createOutageLog } from '@analytics/shared/service/outageLog';
import { type Job, WaitingError } from 'bullmq';
import type { Redis } from 'ioredis';
import { isPassingError } from '../database/writeErrors.ts';
import { EventWorker } from '../queue/eventWorker.ts';
import type { SuspectJobs } from './jobQuarantine.ts';
import { type JobResult, type ProcessJob, toProcessableJob } from './processJob.ts';

/**
 * A dead worker's jobs stay locked this long; live workers renew their locks. Other workers look for jobs
 * without a lock this often, so they have a dead worker's jobs within eleven seconds.
 */
const LOCK_DURATION_MS = 10_000;
const STALLED_INTERVAL_MS = 1000;

/** How often a job may be left by its worker before it counts as the cause and goes to the dead letters. */
const MAX_STALLED_COUNT = 3;

/** What a stopping worker gives its jobs to finish, before it gives them back. */
const FINISH_DEADLINE_MS = 5000;

/** What it then gives Redis to take them back, before it leaves them to their locks. */
const CLOSE_DEADLINE_MS = 10_000;

export interface EventConsumerOptions extends EventQueueNames {
  /** A connection that waits rather than fails. */
  redis: Redis;
  /** Knows whether that Redis answers. */
  redisWatch: Pick<DependencyWatch, 'isUp'>;
  /** Knows whether MongoDB answers. */
  mongoWatch: Pick<DependencyWatch, 'isUp'>;
  concurrency: number;
  processJob: ProcessJob;
  suspectJobs: SuspectJobs;
  /** Called when a try of a job has failed, the last one or an earlier one. */
  onJobFailed: () => void;
  logger: Logger;
}

export interface EventConsumer {
  /**
   * Takes no further job, finishes those under way or gives them back if MongoDB is away, and closes the
   * worker.
   */
  close(): Promise<void>;
}

/** Starts taking jobs off the queue. */
export function createEventConsumer(options: EventConsumerOptions): EventConsumer {
  const {
    redis,
    redisWatch,
    mongoWatch,
    queueName,
    queuePrefix,
    concurrency,
    processJob,
    suspectJobs,
    onJobFailed,
    logger,
  } = options;
  const stopping = new AbortController();
  const handingOver = new AbortController();
  // Each running job listens to both.
  setMaxListeners(2 * concurrency, stopping.signal, handingOver.signal);
  const writeOutage = createOutageLog(
    { began: 'MongoDB does not take the events', ended: 'MongoDB takes the events again' },
    logger,
  );

  async function consumeJob(job: Job, token?: string): Promise<JobResult> {
    try {
      const result = await retryUntilDone(
        () => giveUpOn(handingOver.signal, processJob(toProcessableJob(job))),
        {
          isPassing: isPassingError,
          // That MongoDB is away is the watch's to log; a write that it refuses is this one's.
          onFailure: (error) => mongoWatch.isUp && writeOutage.failed(error),
          signal: stopping.signal,
        },
      );
      writeOutage.recovered();
      return result;
    } catch (error) {
      if ((isPassingError(error) || error === handingOver.signal.reason) && stopping.signal.aborted) {
        await job.moveToWait(token);
        throw new WaitingError();
      }
      throw error;
    }
  }

  const consumeGuarded = (job: Job, token?: string) =>
    suspectJobs.guard(job, token, () => consumeJob(job, token));

  const worker = new EventWorker(queueName, consumeGuarded, {
    connection: redis,
    prefix: queuePrefix,
    concurrency,
    lockDuration: LOCK_DURATION_MS,
    stalledInterval: STALLED_INTERVAL_MS,
    maxStalledCount: MAX_STALLED_COUNT,
    runRetryDelay: 1000,
    // A foreign producer may not have said so, and its jobs would fill Redis.
    removeOnComplete: { count: 0 },
    skipVersionCheck: true,
  });
  logJobs(worker, logger);
  worker.on('failed', onJobFailed);

  return {
    close: async () => {
      stopping.abort();
      const handOver = setTimeout(() => handingOver.abort(), FINISH_DEADLINE_MS);
      // Without Redis nothing can be given back or finished; the locks run out by themselves.
      const deadline = setTimeout(() => worker.disconnect(), redisWatch.isUp ? CLOSE_DEADLINE_MS : 0);
      await worker.close(!redisWatch.isUp);
      clearTimeout(handOver);
      clearTimeout(deadline);
    },
  };
}

/**
 * Waits no longer for `work` when the signal says so; it goes on by itself, and storing its events twice does
 * no harm.
 */
function giveUpOn<Result>(signal: AbortSignal, work: Promise<Result>): Promise<Result> {
  return new Promise((resolve, reject) => {
    const giveUp = () => reject(signal.reason);
    signal.addEventListener('abort', giveUp);
    void work.then(resolve, reject).finally(() => signal.removeEventListener('abort', giveUp));
  });
}

function isConnectionError(error: NodeJS.ErrnoException): boolean {
  return error.syscall !== undefined || error.message.includes('Connection is closed');
}

function logJobs(worker: EventWorker, logger: Logger): void {
  const queueOutage = createOutageLog(
    { began: 'the queue does not hand out jobs', ended: 'the queue hands out jobs again' },
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
    logger.warn({ job_id: jobId }, 'job was left by a worker that ended or hung, and waits again');
  });
  worker.on('error', (error) => {
    // What happens to the connection is the watch's to log.
    if (!isConnectionError(error)) {
      queueOutage.failed(error);
    }
  });
}
