import { INGEST_BATCH_JOB, INGEST_EVENT_JOB } from '@analytics/shared/event/eventQueue';
import type { Logger } from '@analytics/shared/service/logger';
import { DelayedError, type Job, type Queue } from 'bullmq';
import type { DeadLetterStore } from '../deadLetters/deadLetterStore.ts';
import { type JobResult, toQueuedJob } from './processJob.ts';
import { type QueuedJob, readJob } from './readJob.ts';

/** A batch that lost this many workers is split into single events, so that the harmful one fails alone. */
const SPLIT_AFTER_DEATHS = 2;

/** A delayed suspect waits about this long (ms). */
const DELAY_MS = 250;

export interface JobQuarantineOptions {
  /** Jobs have the default options of event jobs. */
  queue: Pick<Queue, 'addBulk'>;
  deadLetters: Pick<DeadLetterStore, 'save'>;
  /** The jobs that a worker runs at the same time, and leaves when it dies. */
  concurrency: number;
  logger: Pick<Logger, 'warn'>;
}

export interface JobQuarantine {
  /**
   * Runs `work` for a job: immediately, unless the job is a suspect. A suspect is delayed while too many
   * others run. A batch that is a suspect repeatedly is split instead.
   *
   * @throws DelayedError if the job was delayed. BullMQ does not count it as a failure.
   */
  run(job: Job, token: string | undefined, work: () => Promise<JobResult>): Promise<JobResult>;
}

/**
 * Separates jobs that may have killed a worker. Of the jobs that a dying worker ran, one may be the cause. If
 * they ran together again, all of them would lose another worker, until BullMQ fails them all.
 *
 * So suspects are tested in groups. After the first death, a job runs next to a few other suspects; after the
 * second, next to none. The cause kills one group and then only itself, so another job loses two workers at
 * most. There are as many groups as jobs in a group, so all suspects have run after about `2 *
 * sqrt(concurrency)` rounds.
 */
export function createJobQuarantine(options: JobQuarantineOptions): JobQuarantine {
  const { queue, deadLetters, concurrency, logger } = options;
  const groupSize = Math.ceil(Math.sqrt(concurrency));
  let running = 0;
  let isExclusiveRunning = false;

  async function splitBatch(job: QueuedJob): Promise<JobResult> {
    const result: JobResult = { events: 0, stored: 0, duplicates: 0, dead_letters: 0 };
    for (const { events, invalid } of readJob(job)) {
      await deadLetters.save(invalid, job);
      // The job id follows from the event: after an interruption, no event is queued twice.
      await queue.addBulk(
        events.map((event) => ({
          name: INGEST_EVENT_JOB,
          data: event,
          opts: { jobId: `apart-${event._id}` },
        })),
      );
      result.events += events.length;
      result.dead_letters += invalid.length;
    }
    logger.warn(
      { job_id: job.id, events: result.events },
      'a batch lost its workers again: each of its events is now a job of its own',
    );
    return result;
  }

  return {
    run: async (job, token, work) => {
      const deaths = job.stalledCounter;
      if (deaths === 0) {
        return work();
      }
      const mustBeAlone = deaths > 1;
      if (isExclusiveRunning || running >= (mustBeAlone ? 1 : groupSize)) {
        await job.moveToDelayed(Date.now() + DELAY_MS * (0.5 + Math.random()), token);
        throw new DelayedError();
      }
      running += 1;
      isExclusiveRunning = mustBeAlone;
      try {
        const mustSplit = job.name === INGEST_BATCH_JOB && deaths >= SPLIT_AFTER_DEATHS;
        return await (mustSplit ? splitBatch(toQueuedJob(job)) : work());
      } finally {
        running -= 1;
        isExclusiveRunning = false;
      }
    },
  };
}
