import type { IncomingHttpHeaders } from 'node:http';
import { ProblemError } from '@analytics/shared/http/problem';
import { refuseEvents } from './refusal.ts';

/** The compression of a body. */
export type BodyEncoding = 'identity' | 'gzip' | 'deflate' | 'br';

const PARAMETER = /;\s*([^;=\s"]+)\s*=\s*("(?:[^"\\]|\\.)*"|[^;]*)/g;

/**
 * The letters and digits of the names of UTF-8 and of its subset ASCII. An empty name counts as absent.
 */
const UTF8_NAMES = new Set(['', 'utf8', 'usascii', 'ascii']);

/** A page may send `text/plain` to another origin without asking first. */
const MEDIA_TYPES = new Set(['application/json', 'text/plain']);

/**
 * Checks that the `Content-Type` is JSON, or plain text, which is read as JSON. JSON has one encoding, UTF-8
 * (RFC 8259), so `charset` must name it; other parameters are ignored.
 *
 * @throws ProblemError 415 for any other `Content-Type`.
 */
export function requireJsonType({ 'content-type': type = '' }: IncomingHttpHeaders): void {
  if (type === 'application/json') {
    return;
  }
  const [mediaType = ''] = type.split(';', 1);
  if (!MEDIA_TYPES.has(mediaType.trim().toLowerCase())) {
    throw createTypeError('The body must be sent with Content-Type: application/json, or text/plain.');
  }
  for (const [, name = '', value = ''] of type.matchAll(PARAMETER)) {
    if (name.toLowerCase() === 'charset' && !UTF8_NAMES.has(toLettersAndDigits(value))) {
      throw createTypeError('The body must be JSON in UTF-8, but its Content-Type names another charset.');
    }
  }
}

/** Some clients add quotes, underscores or commas. */
function toLettersAndDigits(value: string): string {
  return value.toLowerCase().replaceAll(/[^a-z0-9]/g, '');
}

function createTypeError(detail: string): ProblemError {
  return new ProblemError(415, detail, {
    headers: { Accept: 'application/json, text/plain' },
    ...refuseEvents('unsupported'),
  });
}

const ENCODINGS = new Map<string, BodyEncoding>([
  ['gzip', 'gzip'],
  ['x-gzip', 'gzip'],
  ['deflate', 'deflate'],
  ['br', 'br'],
]);

/**
 * Reads the `Content-Encoding`.
 *
 * @throws ProblemError 415 with `Accept-Encoding` for an unknown or a multiple encoding.
 */
export function readBodyEncoding({ 'content-encoding': header }: IncomingHttpHeaders): BodyEncoding {
  if (header === undefined) {
    return 'identity';
  }
  const names = header
    .split(',')
    .map((name) => name.trim().toLowerCase())
    .filter((name) => name !== '' && name !== 'identity');
  const [name] = names;
  if (name === undefined) {
    return 'identity';
  }
  const encoding = ENCODINGS.get(name);
  if (encoding === undefined || names.length > 1) {
    const problem = names.length > 1 ? 'is compressed more than once' : 'has an unknown Content-Encoding';
    throw new ProblemError(415, `The body ${problem}. Send it as gzip, deflate or br, or uncompressed.`, {
      headers: { 'Accept-Encoding': 'gzip, deflate, br' },
      ...refuseEvents('unsupported'),
    });
  }
  return encoding;
}
