import { eventJobOptions } from '@analytics/shared/event/eventQueue';
import { type BackoffOptions, Backoffs, type Job, type JobsOptions } from 'bullmq';
import type { JobResult } from '../events/processJob.ts';
import { BoundedWorker } from './boundedWorker.ts';

/**
 * The worker of the event queue. Whatever a job's producer asked for, the job has as many attempts as our own
 * producer's jobs, and is kept when it fails until the sweep has moved it. BullMQ's default is one attempt, a
 * very large number of them would hide an event that cannot be stored, and a failed job that is removed takes
 * its events with it.
 */
export class EventWorker extends BoundedWorker<JobResult> {
  protected override createJob(
    ...args: Parameters<BoundedWorker<JobResult>['createJob']>
  ): Job<unknown, JobResult> {
    const job = super.createJob(...args);
    Object.assign(job.opts, describeRetries(job.opts.backoff));
    return job;
  }
}

function describeRetries(backoff: JobsOptions['backoff']): JobsOptions {
  return {
    attempts: eventJobOptions.attempts,
    backoff: isKnown(backoff) ? backoff : eventJobOptions.backoff,
    removeOnFail: eventJobOptions.removeOnFail,
  };
}

/**
 * BullMQ throws at a strategy that only its producer knows. It neither fails such a job nor tries it again.
 */
function isKnown(backoff: JobsOptions['backoff']): backoff is BackoffOptions {
  return typeof backoff === 'object' && backoff.type in Backoffs.builtinStrategies;
}
