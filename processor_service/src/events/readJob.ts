import { type EventJob, eventInputSchema, eventJobSchema, toEventJob } from '@analytics/shared/event/event';
import { deriveEventId } from '@analytics/shared/event/eventId';
import { INGEST_BATCH_JOB, INGEST_EVENT_JOB } from '@analytics/shared/event/eventQueue';
import { isWellFormedEventJob } from '@analytics/shared/event/wellFormedEvent';
import { describeFieldErrors, toFieldErrors } from '@analytics/shared/http/problem';

/**
 * More events than fit into MAX_JOB_BYTES: the shortest takes 72 bytes. An invalid item takes half a kilobyte
 * of memory and about ten microseconds, so a job with millions of them would kill one process after another.
 */
const MAX_ITEMS = 250_000;

/**
 * Items that are read together. The usual job has fewer. MAX_ITEMS together would block the event loop for
 * seconds, take hundreds of megabytes as documents, and exceed the 100,000 documents that MongoDB accepts in
 * one insert.
 */
const ITEMS_PER_PART = 5000;

/** A job of the queue, as this service reads it from BullMQ or from Redis. */
export interface QueuedJob {
  id: string;
  name: string;
  data: unknown;
  /** When it was queued (ms since 1970). */
  timestamp: number;
  /** The prefix and the name of its queue. */
  queueQualifiedName: string;
  /** How often a worker has taken it, including this time. */
  attempts: number;
  /** Whether the queue does not repeat it if this attempt fails. */
  isLastAttempt: boolean;
}

/** What distinguishes a job from every other. */
type JobOrigin = Pick<QueuedJob, 'id' | 'timestamp' | 'queueQualifiedName'>;

/** A job item that is not a valid event. */
export interface InvalidItem {
  /** Follows from its index in the job, so that it is the same whenever the job is read. */
  _id: string;
  /** The item as JSON. */
  raw: string;
  /** Why it is invalid. It may quote the item. */
  reason: string;
  /** The same without a quotation, for the log. */
  cause: string;
}

export interface JobContent {
  events: EventJob[];
  invalid: InvalidItem[];
}

/** Reads a job in parts. An invalid item does not affect the others. */
export function* readJob(job: QueuedJob): Generator<JobContent, void, undefined> {
  const items = listItems(job);
  if (!Array.isArray(items)) {
    const whole = { ...items, _id: deriveItemId(job, 0), raw: JSON.stringify(job.data) ?? '' };
    yield { events: [], invalid: [whole] };
    return;
  }
  for (let start = 0; start < items.length; start += ITEMS_PER_PART) {
    yield readItems(job, items.slice(start, start + ITEMS_PER_PART), start);
  }
}

/**
 * Reads items of a job from `firstIndex` on. An item has the same identity whether the job is read as a whole
 * or in parts.
 */
export function readItems(job: JobOrigin, items: readonly unknown[], firstIndex: number): JobContent {
  const content: JobContent = { events: [], invalid: [] };
  for (const [offset, item] of items.entries()) {
    const index = firstIndex + offset;
    if (isWellFormedEventJob(item)) {
      content.events.push(item);
      continue;
    }
    const result = readEvent(item, () => deriveItemId(job, index));
    if (result.success) {
      content.events.push(result.data);
    } else {
      const reason = `This is not an event: ${describeFieldErrors(toFieldErrors(result.error, 'data'))}.`;
      const raw = JSON.stringify(item) ?? '';
      const cause = 'an item of a job is not an event';
      content.invalid.push({ _id: deriveItemId(job, index), raw, reason, cause });
    }
  }
  return content;
}

/** The items of a job, or the reason why it has none. */
function listItems({ name, data }: QueuedJob): unknown[] | Pick<InvalidItem, 'reason' | 'cause'> {
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
 * Reads one item. An event of a foreign producer has no `_id`: it follows from `event_id`, or from the index.
 */
function readEvent(item: unknown, deriveId: () => string) {
  if (typeof item !== 'object' || item === null || '_id' in item) {
    const result = eventJobSchema.safeParse(item);
    return result.success ? succeed(toEventJob(result.data, result.data._id)) : result;
  }
  const result = eventInputSchema.safeParse(item);
  if (!result.success) {
    return result;
  }
  return succeed(
    result.data.event_id === undefined ? toEventJob(result.data, deriveId()) : toEventJob(result.data),
  );
}

function succeed(data: EventJob) {
  return { success: true as const, data };
}

/**
 * The identity of an item without one. Job ids repeat after the queue was emptied, so it contains the job's
 * time.
 */
function deriveItemId({ id, timestamp, queueQualifiedName }: JobOrigin, index: number): string {
  return deriveEventId(queueQualifiedName, `${id}\0${timestamp}\0${index}`);
}
