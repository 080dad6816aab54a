import type { IncomingMessage } from 'node:http';
import { sendContinue } from '@analytics/shared/http/expectContinue';
import type { BodyBudget } from './bodyBudget.ts';
import { createBodyError, createNoRoomError, createTooLargeError } from './bodyErrors.ts';

/** The first buffer for a body that arrives in pieces, unless its length is smaller. */
const MIN_CAPACITY_BYTES = 16 * 1024;
/** The growth of the buffer: few copies, and little memory for a slow sender with a large Content-Length. */
const GROWTH = 4;

export interface BodyLimit {
  /** The most bytes of the content. */
  limitBytes: number;
  /** The further bytes that a compressed body may have. */
  overheadBytes: number;
}

/**
 * Receives a request's body and resolves with the result of `finish`. A client that waits for `100
 * Continue` gets it unless its body is too large. A body that arrives in pieces is counted in the budget
 * until it is complete.
 *
 * @throws ProblemError 413 if it exceeds the limit, 503 if the budget has no room, 400 if it is truncated;
 *   and
 *   every error of `finish`.
 */
export function receiveBody<Result>(
  request: IncomingMessage,
  limit: BodyLimit,
  budget: BodyBudget,
  finish: (body: Buffer) => Result | Promise<Result>,
): Promise<Result> {
  return new Promise((resolve, reject) => {
    const { headers } = request;
    const announcedBytes = Number(headers['content-length'] ?? 0);
    const maxBytes = limit.limitBytes + limit.overheadBytes;
    if (announcedBytes > maxBytes) {
      throw createTooLargeError(limit.limitBytes);
    }
    if (headers.expect !== undefined) {
      sendContinue(request);
    }
    let first: Buffer | undefined;
    let pieces: Pieces | undefined;
    request.on('data', (chunk: Buffer) => {
      if (pieces === undefined) {
        // Nearly every body arrives in one piece, and is never copied or counted.
        if (first === undefined && chunk.length === announcedBytes) {
          first = chunk;
          return;
        }
        pieces = collectPieces(announcedBytes, limit, budget, reject);
        pieces.add(first ?? EMPTY);
      }
      pieces.add(chunk);
    });
    request.on('end', () => {
      try {
        resolve(finish(pieces?.join() ?? first ?? EMPTY));
      } catch (error) {
        reject(error);
      }
    });
    request.on('error', (error) => {
      pieces?.drop();
      reject(createBodyError('could not be read', error));
    });
  });
}

const EMPTY = Buffer.alloc(0);

interface Pieces {
  /** Refuses the body if the piece exceeds a limit. Later pieces are dropped. */
  add(piece: Buffer): void;
  /** Returns the whole body, and stops counting it. */
  join(): Buffer;
  drop(): void;
}

/**
 * Copies each piece into one buffer as it arrives: a thousand pieces of one byte would take much more memory
 * than a thousand bytes.
 */
function collectPieces(
  announcedBytes: number,
  { limitBytes, overheadBytes }: BodyLimit,
  budget: BodyBudget,
  onRefused: (error: Error) => void,
): Pieces {
  const maxBytes = limitBytes + overheadBytes;
  let joined = EMPTY;
  let length = 0;
  let isRefused = false;
  const hold = budget.open(() => refuse(createNoRoomError()));

  function refuse(error: Error): void {
    isRefused = true;
    hold.release();
    joined = EMPTY;
    length = 0;
    onRefused(error);
  }

  /** Chunked bodies have no Content-Length. */
  function chooseCapacity(neededBytes: number): number {
    const mostBytes = announcedBytes > 0 ? Math.max(announcedBytes, neededBytes) : maxBytes;
    return Math.min(Math.max(GROWTH * neededBytes, MIN_CAPACITY_BYTES), mostBytes);
  }

  function makeRoom(neededBytes: number): boolean {
    const capacity = chooseCapacity(neededBytes);
    if (!hold.grow(capacity - joined.length)) {
      return false;
    }
    const larger = Buffer.allocUnsafe(capacity);
    joined.copy(larger, 0, 0, length);
    joined = larger;
    return true;
  }

  return {
    add: (piece) => {
      const neededBytes = length + piece.length;
      if (isRefused) {
        return;
      }
      if (neededBytes > maxBytes) {
        refuse(createTooLargeError(limitBytes));
      } else if (neededBytes > joined.length && !makeRoom(neededBytes)) {
        refuse(createNoRoomError());
      } else {
        piece.copy(joined, length);
        length = neededBytes;
      }
    },
    join: () => {
      hold.release();
      return joined.subarray(0, length);
    },
    drop: hold.release,
  };
}
