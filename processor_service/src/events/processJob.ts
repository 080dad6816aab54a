import type { EventJob } from '@analytics/shared/event/event';
import type { Job } from 'bullmq';
import type { Refusal } from '../database/writeErrors.ts';
import type { DeadLetter, DeadLetters } from '../deadLetters/deadLetterStore.ts';
import type { EventStore } from './eventStore.ts';
import { type JobContent, type QueuedJob, readJob } from './readJob.ts';

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
 * Makes the step that takes a job's events to the store, and what cannot be stored to the dead letters,
 * alone. An event that was refused for a reason that may pass goes there at the job's last attempt.
 *
 * The step may run any number of times for the same job, and be cut off anywhere: each event has its identity
 * from before.
 *
 * @throws UnsettledEventsError if events are to be tried again.
 */
export function createProcessJob(
  { storeEvents }: Pick<EventStore, 'storeEvents'>,
  { keep }: Pick<DeadLetters, 'keep'>,
): ProcessJob {
  /** Adds what became of the part to `result`, and returns why events of it are to be tried again. */
  async function processPart(
    { events, unreadable }: JobContent,
    job: ProcessableJob,
    result: JobResult,
  ): Promise<Refusal[]> {
    const outcomes = events.length > 0 ? await storeEvents(events) : [];
    const letters: DeadLetter[] = [...unreadable];
    const unsettled: Refusal[] = [];
    for (const [index, event] of events.entries()) {
      const outcome = outcomes[index];
      if (outcome === 'stored') {
        result.stored += 1;
      } else if (outcome === 'duplicate') {
        result.duplicates += 1;
      } else if (outcome !== undefined) {
        if (outcome.isFinal || job.isLastAttempt) {
          letters.push({ event, ...outcome });
        } else {
          unsettled.push(outcome);
        }
      }
    }
    await keep(letters, { id: job.id, attempts: job.attemptsStarted });
    result.events += events.length;
    result.dead_letters += letters.length;
    return unsettled;
  }

  return async function processJob(job) {
    const result: JobResult = { events: 0, stored: 0, duplicates: 0, dead_letters: 0 };
    const causes = new Set<string>();
    let unsettled = 0;
    let first: EventJob | undefined;
    for (const part of readJob(job)) {
      first ??= part.events[0];
      for (const { cause } of await processPart(part, job, result)) {
        causes.add(cause);
        unsettled += 1;
      }
    }
    if (unsettled > 0) {
      throw new UnsettledEventsError(
        `${unsettled} of ${result.events} events are not stored: ${[...causes].join('; ')}`,
      );
    }
    return first !== undefined && result.events === 1 ? { event_id: first._id, ...result } : result;
  };
}
