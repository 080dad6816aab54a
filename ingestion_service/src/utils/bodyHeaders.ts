import type { IncomingHttpHeaders } from 'node:http';
import { ProblemError } from '@analytics/shared/http/problem';

/** How a body is compressed. */
export type BodyEncoding = 'identity' | 'gzip' | 'deflate' | 'br';

const PARAMETER = /;\s*([^;=\s"]+)\s*=\s*("(?:[^"\\]|\\.)*"|[^;]*)/g;

/**
 * The letters and digits of the names of UTF-8, and of ASCII, which is a part of it. An empty name says
 * nothing.
 */
const UTF8_NAMES = new Set(['', 'utf8', 'usascii', 'ascii']);

/**
 * Makes sure that a body is announced as JSON. JSON has one encoding, UTF-8 (RFC 8259), so `charset` may only
 * say so; other parameters mean nothing.
 *
 * @throws ProblemError 415 if it is announced as anything else.
 */
export function requireJsonType({ 'content-type': type = '' }: IncomingHttpHeaders): void {
  if (type === 'application/json') {
    return;
  }
  const [mediaType = ''] = type.split(';', 1);
  if (mediaType.trim().toLowerCase() !== 'application/json') {
    throw createTypeError('The body must be sent with Content-Type: application/json.');
  }
  for (const [, name = '', value = ''] of type.matchAll(PARAMETER)) {
    if (name.toLowerCase() === 'charset' && !UTF8_NAMES.has(toLettersAndDigits(value))) {
      throw createTypeError('The body must be JSON in UTF-8, but its Content-Type names another charset.');
    }
  }
}

/** Some clients write quotes, underscores or commas that do not belong there. */
function toLettersAndDigits(value: string): string {
  return value.toLowerCase().replaceAll(/[^a-z0-9]/g, '');
}

function createTypeError(detail: string): ProblemError {
  return new ProblemError(415, detail, { headers: { Accept: 'application/json' } });
}

const ENCODINGS = new Map<string, BodyEncoding>([
  ['gzip', 'gzip'],
  ['x-gzip', 'gzip'],
  ['deflate', 'deflate'],
  ['br', 'br'],
]);

/**
 * Reads how a body is compressed.
 *
 * @throws ProblemError 415 with `Accept-Encoding` if it is compressed in another way, or more than once.
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
    });
  }
  return encoding;
}
