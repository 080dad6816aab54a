import { INGEST_BATCH_JOB, INGEST_EVENT_JOB } from '@analytics/shared/eventQueue';
import type { Logger } from '@analytics/shared/logger';
import { DelayedError, type Job, type Queue } from 'bullmq';
import type { DeadLetters } from './deadLetters.ts';
import { type JobResult, type ProcessableJob, toProcessableJob } from './processJob.ts';
import { readJob } from './readJob.ts';

/** A batch that did harm this often goes on as single events, so that in the end the harmful one fails alone. */
const TAKE_APART_AFTER = 2;

/** A suspect that finds another one in the worker's hands waits about this long. */
const PUT_OFF_MS = 250;

export interface SuspectJobsOptions {
  /** Its jobs have the options of event jobs by default. */
  queue: Pick<Queue, 'addBulk'>;
  deadLetters: Pick<DeadLetters, 'keep'>;
  logger: Pick<Logger, 'warn'>;
}

export interface SuspectJobs {
  /**
   * Runs `work` for a job, at once if nothing speaks against the job. A suspect is put off while another one is in hand, and a
   * batch that is a suspect again and again is taken apart instead.
   *
   * @throws DelayedError if the job was put off, which BullMQ takes for no failure.
   */
  guard(job: Job, token: string | undefined, work: () => Promise<JobResult>): Promise<JobResult>;
}

/**
 * Keeps jobs apart that may do harm: those that a worker held when it died, and those that failed. Of the many that a dying
 * worker holds, one may have been the cause. Taken up together again they would all be counted again; as there is one suspect
 * at a time in a worker, the innocent are done at their next turn, and only the guilty one is counted to the end.
 */
export function createSuspectJobs({ queue, deadLetters, logger }: SuspectJobsOptions): SuspectJobs {
  let isOneInHand = false;

  async function takeApart(job: ProcessableJob): Promise<JobResult> {
    const { events, unreadable } = readJob(job);
    await deadLetters.keep(unreadable, { id: job.id, attempts: job.attemptsStarted });
    // A job's id from the event's: if this was cut off and is done again, what waits already is not queued twice.
    await queue.addBulk(
      events.map((event) => ({
        name: INGEST_EVENT_JOB,
        data: event,
        opts: { jobId: `apart-${event._id}` },
      })),
    );
    logger.warn(
      { job_id: job.id, events: events.length },
      'batch failed again: its events go on as jobs of their own',
    );
    return { events: events.length, stored: 0, duplicates: 0, dead_letters: unreadable.length };
  }

  return {
    guard: async (job, token, work) => {
      const failures = job.stalledCounter + job.attemptsMade;
      if (failures === 0) {
        return work();
      }
      if (isOneInHand) {
        await job.moveToDelayed(Date.now() + PUT_OFF_MS * (0.5 + Math.random()), token);
        throw new DelayedError();
      }
      isOneInHand = true;
      try {
        const isToTakeApart = job.name === INGEST_BATCH_JOB && failures >= TAKE_APART_AFTER;
        return await (isToTakeApart ? takeApart(toProcessableJob(job)) : work());
      } finally {
        isOneInHand = false;
      }
    },
  };
}
