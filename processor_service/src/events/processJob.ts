import type { EventJob } from '@analytics/shared/event/event';
import type { Job } from 'bullmq';
import type { Rejection } from '../database/writeErrors.ts';
import type { DeadLetter, DeadLetterStore } from '../deadLetters/deadLetterStore.ts';
import type { EventStore } from './eventStore.ts';
import { type JobContent, type QueuedJob, readJob } from './readJob.ts';

/** The result of a job, as its log line reports it. */
export interface JobResult {
  /** The `_id` of the event, if the job has a single one. */
  event_id?: string;
  events: number;
  stored: number;
  duplicates: number;
  dead_letters: number;
}

/** MongoDB rejected events of a job for a reason that may be temporary. The job's other events are stored. */
class UnsettledEventsError extends Error {
  override name = 'UnsettledEventsError';
}

/** Takes the fields of a job that a worker has taken. */
export function toQueuedJob(job: Job): QueuedJob {
  const { id = '', name, data, timestamp, queueQualifiedName, attemptsStarted: attempts } = job;
  const isLastAttempt = job.attemptsMade + 1 >= (job.opts.attempts ?? 1);
  return { id, name, data, timestamp, queueQualifiedName, attempts, isLastAttempt };
}

export type ProcessJob = (job: QueuedJob) => Promise<JobResult>;

/**
 * Creates the step that stores a job's events. An event that cannot be stored becomes a dead letter:
 * immediately if its rejection is final, otherwise at the job's last attempt.
 *
 * `onStored` is called for each part of a job, because the parts before a failure are stored, too.
 *
 * The step may run any number of times for the same job, and be interrupted anywhere, because each event has
 * its identity already.
 *
 * @throws UnsettledEventsError if events must be tried again.
 */
export function createProcessJob(
  { storeEvents }: Pick<EventStore, 'storeEvents'>,
  { save }: Pick<DeadLetterStore, 'save'>,
  onStored: (outcomes: Pick<JobResult, 'stored' | 'duplicates'>) => void = () => {},
): ProcessJob {
  /** Adds the outcomes of a part to `result`. Returns the reasons of the events that must be tried again. */
  async function processPart(
    { events, invalid }: JobContent,
    job: QueuedJob,
    result: JobResult,
  ): Promise<Rejection[]> {
    const outcomes = events.length > 0 ? await storeEvents(events) : [];
    const deadLetters: DeadLetter[] = [...invalid];
    const unsettled: Rejection[] = [];
    const counts = { stored: 0, duplicates: 0 };
    for (const [index, event] of events.entries()) {
      const outcome = outcomes[index];
      if (outcome === 'stored') {
        counts.stored += 1;
      } else if (outcome === 'duplicate') {
        counts.duplicates += 1;
      } else if (outcome !== undefined) {
        if (outcome.isFinal || job.isLastAttempt) {
          deadLetters.push({ event, ...outcome });
        } else {
          unsettled.push(outcome);
        }
      }
    }
    onStored(counts);
    result.stored += counts.stored;
    result.duplicates += counts.duplicates;
    await save(deadLetters, job);
    result.events += events.length;
    result.dead_letters += deadLetters.length;
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
