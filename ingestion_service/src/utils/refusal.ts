import type { Refusal } from '@analytics/shared/http/problem';

/** Why events are refused. The metrics count each reason from the start. */
export const REFUSAL_REASONS = [
  /** An event, a body or a query is invalid (400). */
  'invalid',
  /** The body, or its events in the queue, are too large (413). */
  'too_large',
  /** The media type or the compression of the body is unknown (415). */
  'unsupported',
  /** The queue or the memory of Redis is nearly full (503). */
  'backpressure',
  /** Redis is away (503). */
  'redis_unavailable',
  /** Redis did not confirm in time (503). It may have the events nevertheless. */
  'redis_unconfirmed',
  /** Too many bodies or events are in the memory of this process (503). */
  'overloaded',
] as const;

export type RefusalReason = (typeof REFUSAL_REASONS)[number];

/** Says that a problem refuses events. A request whose events are not known counts as one event. */
export function refuseEvents(reason: RefusalReason, count = 1): { refusal: Refusal } {
  return { refusal: { reason, count } };
}
