import { eventJobOptions } from '@analytics/shared/eventQueue';
import type { Job, JobsOptions } from 'bullmq';
import type { JobResult } from './processJob.ts';
import { TolerantWorker } from './tolerantWorker.ts';

/**
 * The worker of the event queue. It gives every job at least the attempts that our own producer's jobs have, and keeps every
 * failed job until the sweep has moved it: BullMQ's defaults are one attempt, and a foreign producer may ask to have failed jobs
 * removed, with the events in them.
 */
export class EventWorker extends TolerantWorker<JobResult> {
  protected override createJob(
    ...args: Parameters<TolerantWorker<JobResult>['createJob']>
  ): Job<unknown, JobResult> {
    const job = super.createJob(...args);
    Object.assign(job.opts, describeRetries(job.opts));
    return job;
  }
}

function describeRetries({ attempts = 1, backoff }: JobsOptions): JobsOptions {
  return {
    attempts: Math.max(attempts, eventJobOptions.attempts),
    // Without a pause, a job that fails is a busy loop.
    backoff: backoff || eventJobOptions.backoff,
    removeOnFail: eventJobOptions.removeOnFail,
  };
}
