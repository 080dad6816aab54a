import { type IncomingMessage, STATUS_CODES } from 'node:http';
import type { ErrorRequestHandler, RequestHandler, Response } from 'express';
import { z } from 'zod';
import type { Logger } from '../service/logger.ts';

export const fieldErrorSchema = z.strictObject({
  field: z.string().describe('The invalid field or parameter, or `body` or `query` for the whole.'),
  message: z.string().describe('Continues a sentence that begins with the field: `is required`.'),
});

export type FieldError = z.infer<typeof fieldErrorSchema>;

/** An RFC 9457 problem. `title` is the status's own phrase, as its type `about:blank` asks. */
export const problemSchema = z.strictObject({
  type: z.literal('about:blank'),
  title: z.string().describe('The phrase of the status.'),
  status: z.int().min(400).max(599).describe('The status of the answer.'),
  detail: z.string().describe('What happened and what to do, in one or two sentences.'),
  errors: z.array(fieldErrorSchema).optional().describe('The invalid fields, if the request has any.'),
});

/** What was refused, for the metrics. */
export interface Refusal {
  /** One of the reasons in the metrics of the service. */
  reason: string;
  /** The refused events or reports. */
  count: number;
}

export interface ProblemErrorOptions {
  errors?: FieldError[];
  headers?: Record<string, string>;
  refusal?: Refusal;
  cause?: unknown;
}

/** An error response, thrown anywhere and written in one place. `message` is for the client. */
export class ProblemError extends Error {
  override readonly name = 'ProblemError';
  readonly status: number;
  readonly errors: FieldError[] | undefined;
  readonly headers: Record<string, string>;
  readonly refusal: Refusal | undefined;

  constructor(status: number, detail: string, options: ProblemErrorOptions = {}) {
    const { errors, headers = {}, refusal, cause } = options;
    super(detail, { cause });
    this.status = status;
    this.errors = errors;
    this.headers = headers;
    this.refusal = refusal;
  }
}

/** How long a client should wait before a retry while a dependency is away (s). */
const RETRY_AFTER_SECONDS = 2;

/** The 503 for a dependency that is away. The dependency watch logs the cause, once per outage. */
export function createUnavailableError(
  detail: string,
  options: Pick<ProblemErrorOptions, 'refusal' | 'cause'> = {},
): ProblemError {
  return new ProblemError(503, detail, {
    headers: { 'Retry-After': String(RETRY_AFTER_SECONDS) },
    ...options,
  });
}

/** More errors do not help, and a large body would get a large response. */
const MAX_FIELD_ERRORS = 20;
const MAX_DESCRIBED_ERRORS = 8;

/** Converts the issues of zod to one error per field. Unknown fields are named. */
export function toFieldErrors(error: z.ZodError, wholeName: string): FieldError[] {
  const errors = error.issues.flatMap((issue): FieldError[] =>
    issue.code === 'unrecognized_keys'
      ? issue.keys.map((key) => ({
          field: [...issue.path, shorten(key)].join('.'),
          message: 'is not a known field',
        }))
      : [{ field: issue.path.join('.') || wholeName, message: issue.message }],
  );
  return errors.slice(0, MAX_FIELD_ERRORS);
}

/** Summarizes errors in half a sentence; of many, the first. */
export function describeFieldErrors(errors: FieldError[]): string {
  const first = errors.slice(0, MAX_DESCRIBED_ERRORS).map(({ field, message }) => `${field} ${message}`);
  const others = errors.length - first.length;
  return [...first, ...(others > 0 ? [`and ${others} more`] : [])].join('; ');
}

/**
 * Creates an RFC 9457 problem. `title` is the status's own phrase, as its type `about:blank` asks. From 500
 * on, `detail` must be generic: the log has the details.
 */
export function createProblem(status: number, detail: string, errors?: FieldError[]) {
  return {
    type: 'about:blank',
    title: STATUS_CODES[status] ?? 'Error',
    status,
    detail,
    ...(errors && { errors }),
  };
}

/** Answers requests that no route matches. */
export const handleUnknownRoute: RequestHandler = () => {
  throw new ProblemError(404, 'There is no such route. The README lists them all.');
};

/** Answers methods that a route does not have. `allow` is the value of the header `Allow`. */
export function createMethodNotAllowedHandler(allow: string): RequestHandler {
  return () => {
    throw new ProblemError(405, `This route answers ${allow} only.`, { headers: { Allow: allow } });
  };
}

/** Counts what a problem refuses. */
export type OnRefused = (refusal: Refusal) => void;

/**
 * The only place that writes HTTP errors. A ProblemError is complete; any other error is a bug and is logged.
 */
export function createProblemHandler(
  logger: Pick<Logger, 'error'>,
  onRefused: OnRefused = () => {},
): ErrorRequestHandler {
  return (error: unknown, _request, response, next) => {
    if (error instanceof ProblemError && error.refusal) {
      onRefused(error.refusal);
    }
    if (response.headersSent) {
      next(error);
      return;
    }
    if (error instanceof ProblemError) {
      sendProblem(response.set(error.headers), createProblem(error.status, error.message, error.errors));
      return;
    }
    // Express decodes the parameters of a path.
    if (error instanceof URIError) {
      sendProblem(response, createProblem(400, 'The path is not valid percent-encoded UTF-8.'));
      return;
    }
    logger.error({ err: error }, 'a request failed unexpectedly');
    sendProblem(response, createProblem(500, 'Something went wrong here. It has been logged.'));
  };
}

/**
 * A rejected body up to this size is read and dropped, to keep the connection. A longer one ends the
 * connection.
 */
const MAX_DROPPED_BODY_BYTES = 64 * 1024;

function sendProblem(response: Response, problem: ReturnType<typeof createProblem>): void {
  if (hasLongRest(response.req)) {
    response.set('Connection', 'close');
  }
  response
    .status(problem.status)
    .set('Cache-Control', 'no-store')
    .type('application/problem+json')
    .send(JSON.stringify(problem));
}

function hasLongRest({ complete, headers }: IncomingMessage): boolean {
  const isChunked = headers['transfer-encoding'] !== undefined;
  return !complete && (isChunked || Number(headers['content-length'] ?? 0) > MAX_DROPPED_BODY_BYTES);
}

function shorten(key: string): string {
  return key.length > 64 ? `${key.slice(0, 64)}…` : key;
}
