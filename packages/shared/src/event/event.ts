import { z } from 'zod';
import { EVENT_FIELD_NAMES, EVENT_FIELDS, JOB_FIELD_NAMES, type JobFieldName } from './eventFields.ts';
import { createEventId, deriveEventId, isObjectId } from './eventId.ts';
import { describeNonObject, whenPresent } from './text.ts';

type Fields = typeof EVENT_FIELDS;
type InputShape = { [Name in keyof Fields]: Fields[Name]['input'] };
type JobShape = { [Name in JobFieldName]: Fields[Name]['job'] };

const inputShape = Object.fromEntries(
  EVENT_FIELD_NAMES.map((name) => [name, EVENT_FIELDS[name].input]),
) as InputShape;

const jobShape = Object.fromEntries(
  JOB_FIELD_NAMES.map((name) => [name, EVENT_FIELDS[name].job]),
) as JobShape;

/**
 * The event of a client: the body of `POST /event`. Whether the timestamp is too far in the future depends on
 * the clock, so the ingestion service checks it.
 */
export const eventInputSchema = z.strictObject(inputShape, { error: describeNonObject });

/** A validated event of a client: `Date` reads its `timestamp`, and its `referrer` can be stored. */
export type EventInput = z.infer<typeof eventInputSchema>;

/** The most events of one request. */
const MAX_BATCH_EVENTS = 500;

function createBatchSchema(event: z.ZodType) {
  return z.strictObject(
    {
      events: z
        .array(event, { error: whenPresent('must be an array') })
        .min(1, 'must hold at least one event')
        .max(MAX_BATCH_EVENTS, `must hold at most ${MAX_BATCH_EVENTS} events`),
    },
    { error: describeNonObject },
  );
}

/** The body of `POST /events`, before its events are validated one by one. */
export const eventBatchInputSchema = createBatchSchema(z.unknown());

/** The body of `POST /events` with the schema of its events, for the description of the route. */
export const describedBatchSchema = createBatchSchema(eventInputSchema);

/** The event in the queue. Its identity is fixed, so that storing it twice stores it once. */
export const eventJobSchema = z.strictObject(
  { ...jobShape, _id: z.string().refine(isObjectId, 'must be 24 hexadecimal digits') },
  { error: describeNonObject },
);

export type EventJob = z.infer<typeof eventJobSchema>;

/**
 * Fixes the identity of an accepted event. With an `event_id`, it follows from the site and the `event_id`,
 * so every delivery of the event has the same one. Otherwise it is new.
 *
 * Its fields are written out, because a loop over their table takes eight times as long. The compiler names
 * a field that is missing.
 */
export function toEventJob(input: EventInput, _id = fixEventId(input)): EventJob {
  return {
    _id,
    site_id: input.site_id,
    event_type: input.event_type,
    path: input.path,
    user_id: input.user_id ?? null,
    timestamp: input.timestamp,
    referrer: input.referrer ?? undefined,
    properties: input.properties ?? undefined,
  } satisfies Record<JobFieldName | '_id', unknown>;
}

function fixEventId({ site_id, event_id }: EventInput): string {
  return event_id === undefined ? createEventId() : deriveEventId(site_id, event_id);
}
