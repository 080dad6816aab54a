import { type EventInput, eventInputSchema } from '@analytics/shared/event';
import { type FieldError, toFieldErrors } from '@analytics/shared/problem';

export interface ValidateEventOptions {
  /** How far a timestamp may lie ahead of this service's clock, in milliseconds. */
  maxFutureMs: number;
  /** Milliseconds since 1970. */
  now?: () => number;
}

export type EventValidation = { ok: true; event: EventInput } | { ok: false; errors: FieldError[] };

export type ValidateEvent = (body: unknown) => EventValidation;

/** Makes the check that decides whether a body is an event, and says of one that isn't all that is wrong with it. */
export function createValidateEvent({ maxFutureMs, now = Date.now }: ValidateEventOptions): ValidateEvent {
  return function validateEvent(body) {
    const result = eventInputSchema.safeParse(body);
    if (!result.success) {
      return { ok: false, errors: toFieldErrors(result.error, 'body') };
    }
    if (Date.parse(result.data.timestamp) > now() + maxFutureMs) {
      const message = `must not lie more than ${maxFutureMs / 3_600_000} hours in the future`;
      return { ok: false, errors: [{ field: 'timestamp', message }] };
    }
    return { ok: true, event: result.data };
  };
}
