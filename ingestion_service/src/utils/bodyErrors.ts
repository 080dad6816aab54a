import { createUnavailableError, ProblemError } from '@analytics/shared/http/problem';

/** The 400 for an invalid body. `message` continues the sentence after "The body". */
export function createBodyError(message: string, cause?: unknown): ProblemError {
  return new ProblemError(400, `The body ${message}.`, { errors: [{ field: 'body', message }], cause });
}

/** The 413 for a body that has more than `limitBytes`, after decompression. */
export function createTooLargeError(limitBytes: number): ProblemError {
  return new ProblemError(413, `The body must have at most ${limitBytes} bytes, uncompressed.`);
}

/** The 503 for a body that exceeds the memory budget of the process. */
export function createNoRoomError(): ProblemError {
  return createUnavailableError('Too many large requests are arriving at once. Try again.');
}
