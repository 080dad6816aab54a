import { type EventInput, eventBatchInputSchema, eventInputSchema } from '@analytics/shared/event';
import { isPlainEventInput } from '@analytics/shared/plainEvent';
import { type FieldError, toFieldErrors } from '@analytics/shared/problem';

export interface EventValidatorOptions {
  /** How far a timestamp may lie ahead of this service's clock, in milliseconds. */
  maxFutureMs: number;
  /** Milliseconds since 1970. */
  now?: () => number;
}

type Refused = { ok: false; errors: FieldError[] };

/** Decides whether a body is what a route takes, and says of one that isn't all that is wrong with it. */
export interface EventValidator {
  validateEvent(body: unknown): { ok: true; event: EventInput } | Refused;
  /** Names every event at fault by its index: `events.3.path`. */
  validateEvents(body: unknown): { ok: true; events: EventInput[] } | Refused;
}

/** What is said of one event in a batch, at most: a batch of nonsense should not get an answer larger than itself. */
const MAX_ERRORS_PER_EVENT = 3;

export function createEventValidator({ maxFutureMs, now = Date.now }: EventValidatorOptions): EventValidator {
  function validateEvent(body: unknown): { ok: true; event: EventInput } | Refused {
    if (isPlainEventInput(body)) {
      return checkTime(body);
    }
    const result = eventInputSchema.safeParse(body);
    return result.success
      ? checkTime(result.data)
      : { ok: false, errors: toFieldErrors(result.error, 'body') };
  }

  function checkTime(event: EventInput): { ok: true; event: EventInput } | Refused {
    if (Date.parse(event.timestamp) > now() + maxFutureMs) {
      const message = `must not lie more than ${maxFutureMs / 3_600_000} hours in the future`;
      return { ok: false, errors: [{ field: 'timestamp', message }] };
    }
    return { ok: true, event };
  }

  function validateEvents(body: unknown): { ok: true; events: EventInput[] } | Refused {
    const batch = eventBatchInputSchema.safeParse(body);
    if (!batch.success) {
      return { ok: false, errors: toFieldErrors(batch.error, 'body') };
    }
    const validations = batch.data.events.map(validateEvent);
    const errors = validations.flatMap((validation, index) =>
      validation.ok
        ? []
        : validation.errors.slice(0, MAX_ERRORS_PER_EVENT).map((error) => withIndex(error, index)),
    );
    return errors.length > 0
      ? { ok: false, errors }
      : { ok: true, events: validations.flatMap((validation) => (validation.ok ? [validation.event] : [])) };
  }

  return { validateEvent, validateEvents };
}

function withIndex({ field, message }: FieldError, index: number): FieldError {
  return { field: field === 'body' ? `events.${index}` : `events.${index}.${field}`, message };
}
