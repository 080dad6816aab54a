import { isUtf8 } from 'node:buffer';
import type { IncomingMessage } from 'node:http';
import { sendContinue } from '@analytics/shared/expectContinue';
import { ProblemError } from '@analytics/shared/problem';

/**
 * Reads and parses a request's body.
 *
 * @throws ProblemError 415 if it is not announced as plain JSON in UTF-8, 413 if it is longer than `limitBytes`, 400 if it is
 * empty, cut short, or not JSON.
 */
export function readJsonBody(request: IncomingMessage, limitBytes: number): Promise<unknown> {
  return new Promise((resolve, reject) => {
    requireJson(request);
    if (request.headers.expect !== undefined) {
      sendContinue(request);
    }
    const chunks: Buffer[] = [];
    let length = 0;
    request.on('data', (chunk: Buffer) => {
      length += chunk.length;
      if (length > limitBytes) {
        reject(createTooLargeError(limitBytes));
      } else {
        chunks.push(chunk);
      }
    });
    request.on('end', () => {
      try {
        resolve(parseBody(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks)));
      } catch (error) {
        reject(error);
      }
    });
    request.on('error', (error) => reject(createBodyError('could not be read', error)));
  });
}

function parseBody(body: Buffer): unknown {
  if (body.length === 0) {
    throw createBodyError('is empty');
  }
  if (!isUtf8(body)) {
    throw createBodyError('is not valid UTF-8');
  }
  try {
    return JSON.parse(body.toString());
  } catch (error) {
    throw createBodyError('is not valid JSON', error);
  }
}

/** JSON has one encoding, UTF-8 (RFC 8259), so the only parameter there can be says so. */
const JSON_TYPE = /^application\/json\s*(;\s*charset\s*=\s*"?utf-8"?\s*)?$/i;

function requireJson({ headers }: IncomingMessage): void {
  const type = headers['content-type'] ?? '';
  if (type !== 'application/json' && !JSON_TYPE.test(type)) {
    throw new ProblemError(415, 'The body must be sent with Content-Type: application/json.', {
      headers: { Accept: 'application/json' },
    });
  }
  const encoding = headers['content-encoding'] ?? 'identity';
  if (encoding.toLowerCase() !== 'identity') {
    throw new ProblemError(415, 'The body must be sent without a Content-Encoding.');
  }
}

/** The connection can't be used again, for the rest of this body would stand in its way. */
function createTooLargeError(limitBytes: number): ProblemError {
  return new ProblemError(413, `The body must have at most ${limitBytes} bytes.`, {
    headers: { Connection: 'close' },
  });
}

function createBodyError(message: string, cause?: unknown): ProblemError {
  return new ProblemError(400, `The body ${message}.`, { errors: [{ field: 'body', message }], cause });
}
