/** An answer that is a problem: when it comes, the `detail` of an example, and what its headers say. */
interface ProblemAnswer {
  description: string;
  detail: string;
  requiredHeaders?: Record<string, string>;
  headers?: Record<string, string>;
}

/** Every status of a problem that a route may answer with. The document has each once. */
export const PROBLEM_ANSWERS = {
  400: {
    description: 'A field, a parameter or the body is invalid; `errors` names each.',
    detail: 'The body is not valid JSON.',
  },
  401: {
    description: 'The request needs an API key and has none, or the key is unknown, expired or revoked.',
    detail: 'The API key is not valid: it is unknown, expired or revoked.',
    requiredHeaders: { 'WWW-Authenticate': 'Bearer.' },
  },
  403: {
    description: 'The API key or the origin does not allow this.',
    detail: 'The key may not write events of this site_id.',
  },
  404: {
    description: 'There is no such thing.',
    detail: 'There is no such route. The README lists them all.',
  },
  405: {
    description: 'The route does not have this method.',
    detail: 'This route answers POST only.',
    requiredHeaders: { Allow: 'The methods that the route has.' },
  },
  408: {
    description: 'The request did not arrive within 30 seconds, or its headers within 10.',
    detail: 'The request did not arrive in time.',
  },
  409: {
    description: 'The id or an alias already names another site.',
    detail: 'The id or an alias already names another site.',
  },
  413: {
    description: 'The body, uncompressed, has more bytes than the route accepts.',
    detail: 'The body must have at most 65536 bytes, uncompressed.',
  },
  415: {
    description: 'The `Content-Type` is not JSON in UTF-8, or the `Content-Encoding` is unknown.',
    detail: 'The body must be sent with Content-Type: application/json, or text/plain.',
    headers: {
      Accept: 'The media type that the route reads, if the `Content-Type` was at fault.',
      'Accept-Encoding': 'The encodings that the route reads, if the `Content-Encoding` was at fault.',
    },
  },
  429: {
    description: 'A limit is exceeded. Send the same request again after `Retry-After`.',
    detail: 'Too many requests: the limit events-per-key is 600 in 60 seconds. Try again in 7 s.',
    requiredHeaders: {
      'Retry-After': 'How many seconds to wait before the next try.',
      RateLimit: 'What is left of the limit, and the seconds until it begins anew.',
      'RateLimit-Policy': 'The limit and the seconds of its window.',
    },
  },
  431: {
    description: 'The request has more than 32 KiB of headers.',
    detail: 'The request headers are too large.',
  },
  503: {
    description: 'The service or a server that it needs is away or overloaded. Send the same request again.',
    detail: 'Too many requests are waiting here. Try again.',
    requiredHeaders: { 'Retry-After': 'How many seconds to wait before the next try.' },
  },
} as const satisfies Record<number, ProblemAnswer>;

export type ProblemStatus = keyof typeof PROBLEM_ANSWERS;

/** The problems of every route: what arrived is no readable request, or has another method. */
export const PROBLEMS_OF_EVERY_ROUTE = [400, 405, 408, 431] as const satisfies readonly ProblemStatus[];
