import type { Job } from 'bullmq';
import type { DeadLetter, DeadLetters } from './deadLetters.ts';
import type { EventStore } from './eventStore.ts';
import { type QueuedJob, readJob } from './readJob.ts';
import type { Refusal } from './writeErrors.ts';

/** What a finished job reports to its log line. */
export interface JobResult {
  /** The event's `_id`, of a job that carried one. */
  event_id?: string;
  events: number;
  stored: number;
  duplicates: number;
  dead_letters: number;
}

/** A job as the processing step needs it. */
export interface ProcessableJob extends QueuedJob {
  /** How often a worker has taken it up, this time included. */
  attemptsStarted: number;
  /** Whether a failure now would be the job's last. */
  isLastAttempt: boolean;
}

/** MongoDB refused events of a job for a reason that may pass; the job's other events are stored. */
export class UnsettledEventsError extends Error {
  override name = 'UnsettledEventsError';
}

/** What the processing step needs of BullMQ's job. */
export function toProcessableJob(job: Job): ProcessableJob {
  const { id, name, data, timestamp, queueQualifiedName, attemptsStarted } = job;
  const isLastAttempt = job.attemptsMade + 1 >= (job.opts.attempts ?? 1);
  return { id: id ?? '', name, data, timestamp, queueQualifiedName, attemptsStarted, isLastAttempt };
}

export type ProcessJob = (job: ProcessableJob) => Promise<JobResult>;

/**
 * Makes the step that takes a job's events to the store, and what cannot be stored to the dead letters, alone. An event that was
 * refused for a reason that may pass goes there at the job's last attempt.
 *
 * The step may run any number of times for the same job, and be cut off anywhere: each event has its identity from before.
 *
 * @throws UnsettledEventsError if events are to be tried again.
 */
export function createProcessJob(
  { storeEvents }: Pick<EventStore, 'storeEvents'>,
  { keep }: Pick<DeadLetters, 'keep'>,
): ProcessJob {
  return async function processJob(job) {
    const { events, unreadable } = readJob(job);
    const outcomes = events.length > 0 ? await storeEvents(events) : [];
    const letters: DeadLetter[] = [...unreadable];
    const unsettled: Refusal[] = [];
    let duplicates = 0;
    for (const [index, event] of events.entries()) {
      const outcome = outcomes[index];
      if (outcome === 'duplicate') {
        duplicates += 1;
      } else if (typeof outcome === 'object') {
        if (outcome.isFinal || job.isLastAttempt) {
          letters.push({ event, ...outcome });
        } else {
          unsettled.push(outcome);
        }
      }
    }
    await keep(letters, { id: job.id, attempts: job.attemptsStarted });
    if (unsettled.length > 0) {
      const causes = [...new Set(unsettled.map(({ cause }) => cause))].join('; ');
      throw new UnsettledEventsError(
        `${unsettled.length} of ${events.length} events are not stored: ${causes}`,
      );
    }
    const rejected = letters.length - unreadable.length;
    const [first, ...others] = events;
    return {
      ...(first && others.length === 0 && { event_id: first._id }),
      events: events.length,
      stored: events.length - duplicates - rejected,
      duplicates,
      dead_letters: letters.length,
    };
  };
}
