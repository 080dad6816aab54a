import type { IncomingHttpHeaders } from 'node:http';
import { ProblemError } from '@analytics/shared/http/problem';

const BEARER = /^Bearer +([^\s]+) *$/i;

/**
 * Reads the key in the header `Authorization: Bearer …` or `X-Api-Key`. Undefined if neither is set.
 *
 * @throws ProblemError 401 if `Authorization` has another scheme, or the headers name two keys.
 */
export function readHeaderKey({
  authorization,
  'x-api-key': apiKey,
}: IncomingHttpHeaders): string | undefined {
  const bearer = authorization === undefined ? undefined : BEARER.exec(authorization)?.[1];
  if (authorization !== undefined && bearer === undefined) {
    throw createKeyError('The header Authorization must be "Bearer" and a key.');
  }
  // Node joins a repeated header by commas, which no key contains.
  const header = typeof apiKey === 'string' && apiKey !== '' ? apiKey : undefined;
  if (bearer !== undefined && header !== undefined && bearer !== header) {
    throw createKeyError('Authorization and X-Api-Key name two keys. Send one.');
  }
  return bearer ?? header;
}

/** The 401 for a missing or invalid key. It says nothing about which sites and keys exist. */
export function createKeyError(detail: string): ProblemError {
  return new ProblemError(401, detail, { headers: { 'WWW-Authenticate': 'Bearer' } });
}

export const INVALID_KEY = 'The API key is not valid: it is unknown, expired or revoked.';
