import { eventJobOptions } from '@analytics/shared/event/eventQueue';
import { type BackoffOptions, Backoffs, type Job, type JobsOptions } from 'bullmq';
import { BoundedWorker } from './boundedWorker.ts';

/**
 * The worker of the event queue. Every job has the attempts of our own producer's jobs, and stays when it
 * fails until the sweep has moved it, whatever its producer set. BullMQ's default is one attempt, a very
 * large number would hide an event that cannot be stored, and a failed job that is removed takes its events
 * with it.
 */
export class EventWorker<Result> extends BoundedWorker<Result> {
  protected override createJob(
    ...args: Parameters<BoundedWorker<Result>['createJob']>
  ): Job<unknown, Result> {
    const job = super.createJob(...args);
    const { attempts, removeOnFail } = eventJobOptions;
    const backoff = isKnown(job.opts.backoff) ? job.opts.backoff : eventJobOptions.backoff;
    Object.assign(job.opts, { attempts, backoff, removeOnFail });
    return job;
  }
}

/**
 * BullMQ throws at a strategy that only its producer knows. It neither fails such a job nor tries it again.
 */
function isKnown(backoff: JobsOptions['backoff']): backoff is BackoffOptions {
  return typeof backoff === 'object' && backoff.type in Backoffs.builtinStrategies;
}
