import { createUnavailableError, ProblemError } from '@analytics/shared/http/problem';
import { refuseEvents } from './refusal.ts';

/** The 400 for an invalid body. `message` continues the sentence after "The body". */
export function createBodyError(message: string, cause?: unknown): ProblemError {
  return new ProblemError(400, `The body ${message}.`, {
    errors: [{ field: 'body', message }],
    ...refuseEvents('invalid'),
    cause,
  });
}

/** The 413 for a body that has more than `limitBytes`, after decompression. */
export function createTooLargeError(limitBytes: number): ProblemError {
  const detail = `The body must have at most ${limitBytes} bytes, uncompressed.`;
  return new ProblemError(413, detail, refuseEvents('too_large'));
}

/** The 503 for a body that exceeds the memory budget of the process. */
export function createNoRoomError(): ProblemError {
  const detail = 'Too many large requests are arriving at once. Try again.';
  return createUnavailableError(detail, refuseEvents('overloaded'));
}
