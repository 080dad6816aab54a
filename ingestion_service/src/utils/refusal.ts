import { ProblemError, type Refusal } from '@analytics/shared/http/problem';

/** Why events are refused. The metrics count each reason from the start. */
export const REFUSAL_REASONS = [
  /** An event, a body or a query is invalid (400). */
  'invalid',
  /** The sender has no valid key and no origin (401). */
  'unauthorized',
  /** The key or the origin is of another site (403). */
  'forbidden',
  /** A limit is exceeded (429). */
  'rate_limited',
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

const REASONS_BY_STATUS: Partial<Record<number, RefusalReason>> = {
  401: 'unauthorized',
  403: 'forbidden',
  429: 'rate_limited',
};

/** Adds the reason to a problem of `access/`, which counts a refused request as one event. */
export function withRefusal(error: unknown): unknown {
  const reason = error instanceof ProblemError ? REASONS_BY_STATUS[error.status] : undefined;
  if (!(error instanceof ProblemError) || error.refusal || reason === undefined) {
    return error;
  }
  const { status, message, headers } = error;
  return new ProblemError(status, message, { headers, ...refuseEvents(reason), cause: error });
}
