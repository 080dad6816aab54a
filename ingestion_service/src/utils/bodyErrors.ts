import { createUnavailableError, ProblemError } from '@analytics/shared/http/problem';

/** The 400 for a body that can't be understood. `message` goes on after "The body". */
export function createBodyError(message: string, cause?: unknown): ProblemError {
  return new ProblemError(400, `The body ${message}.`, { errors: [{ field: 'body', message }], cause });
}

/** The 413 for a body that has more than `limitBytes`, after decompression. */
export function createTooLargeError(limitBytes: number): ProblemError {
  return new ProblemError(413, `The body must have at most ${limitBytes} bytes, uncompressed.`);
}

/** The 503 for a body that the process has no room for at the moment. */
export function createNoRoomError(): ProblemError {
  return createUnavailableError('Too many large requests are arriving at once. Try again.');
}
