import type { Problem } from './types.ts';

export interface RequesterOptions {
  /** An API key, sent as `Authorization: Bearer`. */
  key?: string;
  /** Default: the global `fetch`. */
  fetch?: typeof fetch;
  /** How long a request may take (ms). */
  timeoutMs: number;
}

/** An answer that arrived, whatever its status. */
export interface ReceivedAnswer {
  status: number;
  /** The JSON of the body; undefined if there is none. */
  body: unknown;
  /** How long to wait before the next try (ms), if the service said so. */
  retryAfterMs: number | undefined;
}

/**
 * Sends a GET, or a POST if there is a body, which is JSON. Rejects if no answer arrives in time.
 */
export type SendRequest = (url: string, body?: string) => Promise<ReceivedAnswer>;

/** A service did not do what it was asked for. */
export class AnalyticsError extends Error {
  override readonly name = 'AnalyticsError';
  /** Undefined if no answer arrived. */
  readonly status: number | undefined;
  readonly problem: Problem | undefined;
  readonly retryAfterMs: number | undefined;

  constructor(answer: Partial<ReceivedAnswer>, options?: ErrorOptions) {
    const { status, body, retryAfterMs } = answer;
    const problem = isProblem(body) ? body : undefined;
    super(
      problem?.detail ??
        (status === undefined ? 'No answer arrived.' : `The answer has the status ${status}.`),
      options,
    );
    this.status = status;
    this.problem = problem;
    this.retryAfterMs = retryAfterMs;
  }
}

/** Browsers let at most 64 KiB of requests continue after their page is left. */
const MAX_KEEPALIVE_CHARACTERS = 20_000;

export function createRequester({
  key,
  timeoutMs,
  fetch: send = globalThis.fetch,
}: RequesterOptions): SendRequest {
  return async (url, body) => {
    const response = await send(url, {
      method: body === undefined ? 'GET' : 'POST',
      headers: {
        ...(body !== undefined && { 'Content-Type': 'application/json' }),
        ...(key !== undefined && { Authorization: `Bearer ${key}` }),
      },
      signal: AbortSignal.timeout(timeoutMs),
      ...(body !== undefined && { body, keepalive: body.length <= MAX_KEEPALIVE_CHARACTERS }),
    });
    return {
      status: response.status,
      body: parseJson(await response.text()),
      retryAfterMs: readRetryAfter(response.headers.get('Retry-After')),
    };
  };
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // A proxy answers with a page.
    return undefined;
  }
}

/** The header has seconds, or from some proxies a date. */
function readRetryAfter(header: string | null): number | undefined {
  if (header === null) {
    return undefined;
  }
  const ms = /^\d+$/.test(header) ? Number(header) * 1000 : Date.parse(header) - Date.now();
  return Number.isNaN(ms) ? undefined : Math.max(ms, 0);
}

function isProblem(body: unknown): body is Problem {
  return typeof body === 'object' && body !== null && 'detail' in body && typeof body.detail === 'string';
}
