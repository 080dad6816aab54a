import { INGEST_BATCH_JOB, INGEST_EVENT_JOB } from '@analytics/shared/event/eventQueue';
import type { Logger } from '@analytics/shared/service/logger';
import { DelayedError, type Job, type Queue } from 'bullmq';
import type { DeadLetters } from '../deadLetters/deadLetterStore.ts';
import { type JobResult, type ProcessableJob, toProcessableJob } from './processJob.ts';
import { readJob } from './readJob.ts';

/**
 * A batch whose workers died this often goes on as single events, so that in the end the harmful one fails
 * alone.
 */
const TAKE_APART_AFTER = 2;

/** A suspect that is not admitted waits about this long. */
const PUT_OFF_MS = 250;

export interface SuspectJobsOptions {
  /** Its jobs have the options of event jobs by default. */
  queue: Pick<Queue, 'addBulk'>;
  deadLetters: Pick<DeadLetters, 'keep'>;
  /** How many jobs a worker holds, and leaves when it dies. */
  concurrency: number;
  logger: Pick<Logger, 'warn'>;
}

export interface SuspectJobs {
  /**
   * Runs `work` for a job, at once if nothing speaks against the job. A suspect is put off while others are
   * running, and a batch that is a suspect again and again is taken apart instead.
   *
   * @throws DelayedError if the job was put off, which BullMQ takes for no failure.
   */
  guard(job: Job, token: string | undefined, work: () => Promise<JobResult>): Promise<JobResult>;
}

/**
 * Keeps jobs apart that may have killed a worker. Of the many that a dying worker held, one may have been the
 * cause. Taken up together again they would all be counted again, until BullMQ fails them all.
 *
 * So they are tested as in any search by groups: after its first death a job runs beside a few other
 * suspects, and after another one with none. The cause takes one group with it and then only itself, so an
 * innocent job is counted twice at most; and as groups are as large as they are many, all of them are through
 * after about `2 * sqrt(concurrency)` rounds.
 */
export function createSuspectJobs(options: SuspectJobsOptions): SuspectJobs {
  const { queue, deadLetters, concurrency, logger } = options;
  const groupSize = Math.ceil(Math.sqrt(concurrency));
  let running = 0;
  let isOneAlone = false;

  async function takeApart(job: ProcessableJob): Promise<JobResult> {
    const result: JobResult = { events: 0, stored: 0, duplicates: 0, dead_letters: 0 };
    for (const { events, unreadable } of readJob(job)) {
      await deadLetters.keep(unreadable, { id: job.id, attempts: job.attemptsStarted });
      // A job's id from the event's: if this was cut off and is done again, what waits already is not queued
      // twice.
      await queue.addBulk(
        events.map((event) => ({
          name: INGEST_EVENT_JOB,
          data: event,
          opts: { jobId: `apart-${event._id}` },
        })),
      );
      result.events += events.length;
      result.dead_letters += unreadable.length;
    }
    logger.warn(
      { job_id: job.id, events: result.events },
      'workers died of a batch again: its events go on as jobs of their own',
    );
    return result;
  }

  return {
    guard: async (job, token, work) => {
      const deaths = job.stalledCounter;
      if (deaths === 0) {
        return work();
      }
      const mustBeAlone = deaths > 1;
      if (isOneAlone || running >= (mustBeAlone ? 1 : groupSize)) {
        await job.moveToDelayed(Date.now() + PUT_OFF_MS * (0.5 + Math.random()), token);
        throw new DelayedError();
      }
      running += 1;
      isOneAlone = mustBeAlone;
      try {
        const isToTakeApart = job.name === INGEST_BATCH_JOB && deaths >= TAKE_APART_AFTER;
        return await (isToTakeApart ? takeApart(toProcessableJob(job)) : work());
      } finally {
        running -= 1;
        isOneAlone = false;
      }
    },
  };
}
