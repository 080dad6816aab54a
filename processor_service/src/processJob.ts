import {
  deriveEventId,
  type EventJob,
  eventInputSchema,
  eventJobSchema,
  toEventJob,
} from '@analytics/shared/event';
import { INGEST_EVENT_JOB } from '@analytics/shared/eventQueue';
import { describeFieldErrors, toFieldErrors } from '@analytics/shared/problem';
import { type Job, UnrecoverableError } from 'bullmq';
import type { EventStore } from './eventStore.ts';

/** What a finished job reports to its log line. */
export interface JobResult {
  event_ids: string[];
  stored: number;
  duplicates: number;
}

export type ProcessJob = (job: Job) => Promise<JobResult>;

/** Makes the step that takes a job's event to the store. */
export function createProcessJob({ storeEvents }: EventStore): ProcessJob {
  return async function processJob(job) {
    const events = [readEvent(job)];
    const { stored, duplicates, rejected } = await storeEvents(events);
    const [first] = rejected;
    if (first) {
      throw new UnrecoverableError(`MongoDB refused event ${first.event._id}: ${first.reason}`);
    }
    return { event_ids: events.map(({ _id }) => _id), stored, duplicates };
  };
}

/** @throws UnrecoverableError if the job's data is not an event: it won't become one by trying again. */
function readEvent(job: Job): EventJob {
  if (job.name !== INGEST_EVENT_JOB) {
    throw new UnrecoverableError(`There is no job of the name ${job.name}.`);
  }
  const isForeign = typeof job.data === 'object' && job.data !== null && !('_id' in job.data);
  const result = isForeign ? readForeignEvent(job) : eventJobSchema.safeParse(job.data);
  if (!result.success) {
    const errors = toFieldErrors(result.error, 'data');
    throw new UnrecoverableError(`The job's data is not an event: ${describeFieldErrors(errors)}.`);
  }
  return result.data;
}

/**
 * Reads the event of a producer that fixes no `_id`. One with an `event_id` has its identity by it, as anywhere. Another's
 * follows from the job: its id alone would come again if the queue were ever emptied, so its time of birth is part of it.
 */
function readForeignEvent(job: Job) {
  const result = eventInputSchema.safeParse(job.data);
  if (!result.success) {
    return result;
  }
  const event = toEventJob(result.data);
  if (result.data.event_id === undefined) {
    event._id = deriveEventId(job.queueQualifiedName, `${job.id}\0${job.timestamp}`);
  }
  return { success: true as const, data: event };
}
