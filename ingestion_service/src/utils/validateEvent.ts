import { type EventInput, eventBatchInputSchema, eventInputSchema } from '@analytics/shared/event/event';
import { isWellFormedEventInput } from '@analytics/shared/event/wellFormedEvent';
import { type FieldError, toFieldErrors } from '@analytics/shared/http/problem';

export interface EventValidatorOptions {
  /** The most that a timestamp may be ahead of this service's clock (ms). */
  maxFutureMs: number;
  /** The earliest timestamp, in milliseconds since 1970: the start of a UTC day. */
  minTimestampMs: number;
  /** Milliseconds since 1970. */
  now?: () => number;
}

type Refused = { ok: false; errors: FieldError[] };

/** An event of a batch that is not accepted. */
export interface RejectedEvent {
  /** Its index in the batch, from 0. */
  index: number;
  /** The invalid fields. The empty name means the whole event. */
  errors: FieldError[];
}

/** Validates the body of a route, and lists everything that is wrong with an invalid one. */
export interface EventValidator {
  validateEvent(body: unknown): { ok: true; event: EventInput } | Refused;
  /** Separates the valid events of a batch from the others. Refuses a body that is not a batch. */
  validateEvents(body: unknown): { ok: true; events: EventInput[]; rejected: RejectedEvent[] } | Refused;
}

/**
 * The most errors that are reported for one event of a batch, so that the answer to an invalid batch is not
 * larger than the batch.
 */
const MAX_ERRORS_PER_EVENT = 3;

export function createEventValidator(options: EventValidatorOptions): EventValidator {
  const { maxFutureMs, minTimestampMs, now = Date.now } = options;

  function validateEvent(body: unknown, wholeName = 'body'): { ok: true; event: EventInput } | Refused {
    if (isWellFormedEventInput(body)) {
      return checkTime(body);
    }
    const result = eventInputSchema.safeParse(body);
    return result.success
      ? checkTime(result.data)
      : { ok: false, errors: toFieldErrors(result.error, wholeName) };
  }

  function checkTime(event: EventInput): { ok: true; event: EventInput } | Refused {
    const timestampMs = Date.parse(event.timestamp);
    if (timestampMs > now() + maxFutureMs) {
      return refuseTime(`must not lie more than ${maxFutureMs / 3_600_000} hours in the future`);
    }
    if (timestampMs < minTimestampMs) {
      return refuseTime(`must not lie before ${new Date(minTimestampMs).toISOString().slice(0, 10)}`);
    }
    return { ok: true, event };
  }

  function validateEvents(body: unknown): ReturnType<EventValidator['validateEvents']> {
    const batch = eventBatchInputSchema.safeParse(body);
    if (!batch.success) {
      return { ok: false, errors: toFieldErrors(batch.error, 'body') };
    }
    const events: EventInput[] = [];
    const rejected: RejectedEvent[] = [];
    for (const [index, item] of batch.data.events.entries()) {
      const validation = validateEvent(item, '');
      if (validation.ok) {
        events.push(validation.event);
      } else {
        rejected.push({ index, errors: validation.errors.slice(0, MAX_ERRORS_PER_EVENT) });
      }
    }
    return { ok: true, events, rejected };
  }

  return { validateEvent: (body) => validateEvent(body), validateEvents };
}

function refuseTime(message: string): Refused {
  return { ok: false, errors: [{ field: 'timestamp', message }] };
}
