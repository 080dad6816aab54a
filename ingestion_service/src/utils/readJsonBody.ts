import { isUtf8 } from 'node:buffer';
import type { IncomingMessage } from 'node:http';
import { type BodyBudget, createBodyBudget } from './bodyBudget.ts';
import { createBodyError, createNoRoomError } from './bodyErrors.ts';
import { type BodyEncoding, readBodyEncoding, requireJsonType } from './bodyHeaders.ts';
import { decompress } from './decompress.ts';
import { receiveBody } from './receiveBody.ts';

/** 1,000 events of the largest size, or 128 of the largest batches. */
const BUDGET_BYTES = 64 * 1024 * 1024;

/** The extra bytes that a compressed body may have: headers, and the overhead of incompressible data. */
const COMPRESSION_OVERHEAD_BYTES = 1024;

/**
 * Reads and parses a request's body, which may be compressed.
 *
 * @throws ProblemError, at once or by rejection: 415 if its `Content-Type` is not JSON in UTF-8 or its
 *   `Content-Encoding` is unknown; 413 if it is longer than `limitBytes` after decompression; 400 if it is
 *   empty, truncated, or not JSON; 503 if the budget of the process has no room.
 */
export type ReadJsonBody = (request: IncomingMessage, limitBytes: number) => Promise<unknown>;

/** Creates the reader of all bodies of a process, with one budget of bytes. */
export function createJsonBodyReader(
  budget: BodyBudget = createBodyBudget({ budgetBytes: BUDGET_BYTES }),
): ReadJsonBody {
  return (request, limitBytes) => {
    const { headers } = request;
    requireJsonType(headers);
    const encoding = readBodyEncoding(headers);
    if (encoding === 'identity') {
      return receiveBody(request, { limitBytes, overheadBytes: 0 }, budget, parseJson);
    }
    return receiveBody(
      request,
      { limitBytes, overheadBytes: COMPRESSION_OVERHEAD_BYTES },
      budget,
      async (body) => parseJson(await decompressWithin(budget, encoding, body, limitBytes)),
    );
  };
}

/** Reserves the compressed bytes and the most decompressed ones while both exist. */
async function decompressWithin(
  budget: BodyBudget,
  encoding: Exclude<BodyEncoding, 'identity'>,
  body: Buffer,
  limitBytes: number,
): Promise<Buffer> {
  requireContent(body);
  const hold = budget.open(() => {});
  hold.complete();
  try {
    if (!hold.grow(body.length + limitBytes)) {
      throw createNoRoomError();
    }
    return await decompress(encoding, body, limitBytes);
  } finally {
    hold.release();
  }
}

function parseJson(body: Buffer): unknown {
  requireContent(body);
  if (!isUtf8(body)) {
    throw createBodyError('is not valid UTF-8');
  }
  try {
    return JSON.parse((hasByteOrderMark(body) ? body.subarray(3) : body).toString());
  } catch (error) {
    throw createBodyError('is not valid JSON', error);
  }
}

function requireContent(body: Buffer): void {
  if (body.length === 0) {
    throw createBodyError('is empty');
  }
}

/** Some programs begin UTF-8 with one. A parser may ignore it (RFC 8259, section 8.1). */
function hasByteOrderMark(body: Buffer): boolean {
  return body[0] === 0xef && body[1] === 0xbb && body[2] === 0xbf;
}
