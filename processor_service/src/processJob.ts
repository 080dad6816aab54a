import type { Job } from 'bullmq';
import type { DeadLetter, DeadLetters } from './deadLetters.ts';
import type { EventStore } from './eventStore.ts';
import { type QueuedJob, readJob } from './readJob.ts';

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
}

/** What the processing step needs of BullMQ's job. */
export function toProcessableJob(job: Job): ProcessableJob {
  const { id, name, data, timestamp, queueQualifiedName, attemptsStarted } = job;
  return { id: id ?? '', name, data, timestamp, queueQualifiedName, attemptsStarted };
}

export type ProcessJob = (job: ProcessableJob) => Promise<JobResult>;

/**
 * Makes the step that takes a job's events to the store, and what can't be stored to the dead letters, alone.
 *
 * The step may run any number of times for the same job, and be cut off anywhere: each event has its identity from before.
 */
export function createProcessJob(
  { storeEvents }: Pick<EventStore, 'storeEvents'>,
  { keep }: DeadLetters,
): ProcessJob {
  return async function processJob(job) {
    const { events, unreadable } = readJob(job);
    const outcomes = events.length > 0 ? await storeEvents(events) : [];
    const letters: DeadLetter[] = [...unreadable];
    let duplicates = 0;
    for (const [index, event] of events.entries()) {
      const outcome = outcomes[index];
      if (typeof outcome === 'object') {
        letters.push({ event, reason: `MongoDB refused the event: ${outcome.rejected}` });
      } else if (outcome === 'duplicate') {
        duplicates += 1;
      }
    }
    await keep(letters, { id: job.id, attempts: job.attemptsStarted });
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
