import type { EventInput, EventJob } from './event.ts';
import { EVENT_FIELD_NAMES, EVENT_FIELDS, JOB_FIELD_NAMES } from './eventFields.ts';
import { isObjectId } from './eventId.ts';

// The schemas need most of a microsecond for an event, which counts where a request carries hundreds. These
// checks need a fifth of that. A value that they do not accept may still be an event: the schema decides, and
// says what is wrong.

/** Whether a value from `JSON.parse` is an event of a client that the schema would return unchanged. */
export const isWellFormedEventInput: (value: unknown) => value is EventInput = createShapeCheck<EventInput>(
  EVENT_FIELD_NAMES.map((name) => [name, EVENT_FIELDS[name].isWellFormedInput]),
);

/** The same of an event of the queue, except that the schema would drop a referrer without a host. */
export const isWellFormedEventJob: (value: unknown) => value is EventJob = createShapeCheck<EventJob>([
  ['_id', isObjectId],
  ...JOB_FIELD_NAMES.map((name) => [name, EVENT_FIELDS[name].isWellFormedJob] as const),
]);

type FieldCheck = (value: unknown) => boolean;

/** A field is required if its check does not accept undefined. Other fields than these are not accepted. */
function createShapeCheck<Shape>(checks: readonly (readonly [string, FieldCheck])[]) {
  const rules: Record<string, { accepts: FieldCheck; weight: number }> = Object.create(null);
  let requiredCount = 0;
  for (const [name, accepts] of checks) {
    const weight = accepts(undefined) ? 0 : 1;
    rules[name] = { accepts, weight };
    requiredCount += weight;
  }
  return (value: unknown): value is Shape => {
    if (typeof value !== 'object' || value === null || Array.isArray(value)) {
      return false;
    }
    let found = 0;
    for (const name in value) {
      const rule = rules[name];
      if (rule === undefined || !rule.accepts((value as Record<string, unknown>)[name])) {
        return false;
      }
      found += rule.weight;
    }
    return found === requiredCount;
  };
}
