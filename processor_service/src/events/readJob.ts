import {
  deriveEventId,
  type EventJob,
  eventInputSchema,
  eventJobSchema,
  toEventJob,
} from '@analytics/shared/event/event';
import { INGEST_BATCH_JOB, INGEST_EVENT_JOB } from '@analytics/shared/event/eventQueue';
import { isPlainEventJob } from '@analytics/shared/event/plainEvent';
import { describeFieldErrors, toFieldErrors } from '@analytics/shared/http/problem';

/**
 * More items than a job of MAX_JOB_BYTES has room for as events, the shortest of which takes 72 bytes.
 * Reading an item that is no event takes half a kilobyte of memory and about ten microseconds, so a job of
 * millions would take down one process after another.
 */
const MAX_ITEMS = 250_000;

/**
 * Items that are read together. The usual job has fewer. One of MAX_ITEMS would hold up the event loop for
 * seconds, its events would take hundreds of megabytes as documents, and MongoDB takes at most 100,000
 * documents in one insert.
 */
const ITEMS_PER_PART = 5000;

/** What a worker needs to know of a job to read it. */
export interface QueuedJob {
  id: string;
  name: string;
  data: unknown;
  /** When it was queued, in milliseconds since 1970. */
  timestamp: number;
  /** Prefix and name of its queue. */
  queueQualifiedName: string;
}

/** Something in a job that is no event and won't become one. */
export interface Unreadable {
  /** Follows from its place in the job, so that reading the job again gives the same. */
  _id: string;
  /** What stood there, as JSON. */
  raw: string;
  /** It may quote what stood there. */
  reason: string;
  /** The same without any of it, for the log. */
  cause: string;
}

export interface JobContent {
  events: EventJob[];
  unreadable: Unreadable[];
}

/**
 * Takes a job apart into its events and what is none, a part of it at a time. One of them that can't be read
 * does not spoil the others.
 */
export function* readJob(job: QueuedJob): Generator<JobContent, void, undefined> {
  const items = listItems(job);
  if (!Array.isArray(items)) {
    const whole = { ...items, _id: derivePlaceId(job, 0), raw: JSON.stringify(job.data) ?? '' };
    yield { events: [], unreadable: [whole] };
    return;
  }
  for (let start = 0; start < items.length; start += ITEMS_PER_PART) {
    yield readItems(job, items.slice(start, start + ITEMS_PER_PART), start);
  }
}

/**
 * Reads items of a job, the first of which stands at `firstIndex` in it: an item has the same identity
 * whether the job is read whole or in parts.
 */
export function readItems(
  job: Pick<QueuedJob, 'id' | 'timestamp' | 'queueQualifiedName'>,
  items: readonly unknown[],
  firstIndex = 0,
): JobContent {
  const content: JobContent = { events: [], unreadable: [] };
  for (const [offset, item] of items.entries()) {
    const index = firstIndex + offset;
    if (isPlainEventJob(item)) {
      content.events.push(item);
      continue;
    }
    const result = readEvent(item, () => derivePlaceId(job, index));
    if (result.success) {
      content.events.push(result.data);
    } else {
      const reason = `This is not an event: ${describeFieldErrors(toFieldErrors(result.error, 'data'))}.`;
      const raw = JSON.stringify(item) ?? '';
      const cause = 'an item of a job is not an event';
      content.unreadable.push({ _id: derivePlaceId(job, index), raw, reason, cause });
    }
  }
  return content;
}

/** The items of a job that each should be an event, or why there are none. */
function listItems({ name, data }: QueuedJob): unknown[] | Pick<Unreadable, 'reason' | 'cause'> {
  if (name === INGEST_EVENT_JOB) {
    return [data];
  }
  if (name !== INGEST_BATCH_JOB) {
    return { reason: `There is no job of the name ${name}.`, cause: 'a job has a name that is not known' };
  }
  const events = (data as { events?: unknown } | null)?.events;
  if (!Array.isArray(events) || events.length === 0) {
    const reason = "The job's data holds no events.";
    return { reason, cause: reason };
  }
  if (events.length > MAX_ITEMS) {
    const reason = `The job holds ${events.length} items. More than ${MAX_ITEMS} cannot all be events, and are not read.`;
    return { reason, cause: reason };
  }
  return events;
}

/**
 * Reads one item. A producer that is not ours fixes no `_id`: its event has its identity by its `event_id`,
 * as anywhere, and without one by its place in the job.
 */
function readEvent(item: unknown, derivePlace: () => string) {
  if (typeof item !== 'object' || item === null || '_id' in item) {
    const result = eventJobSchema.safeParse(item);
    return result.success ? succeed(toEventJob(result.data, result.data._id)) : result;
  }
  const result = eventInputSchema.safeParse(item);
  if (!result.success) {
    return result;
  }
  return succeed(
    result.data.event_id === undefined ? toEventJob(result.data, derivePlace()) : toEventJob(result.data),
  );
}

function succeed(data: EventJob) {
  return { success: true as const, data };
}

/**
 * The identity that follows from a place in a job. The job's id alone would come again if the queue were ever
 * emptied, so its time of birth is part of it.
 */
function derivePlaceId(
  { id, timestamp, queueQualifiedName }: Pick<QueuedJob, 'id' | 'timestamp' | 'queueQualifiedName'>,
  index: number,
): string {
  return deriveEventId(queueQualifiedName, `${id}\0${timestamp}\0${index}`);
}
