import type { IncomingMessage } from 'node:http';
import type { BodyBudget, BodyHold } from './bodyBudget.ts';
import { createBodyError, createNoRoomError, createTooLargeError } from './bodyErrors.ts';

/** What is set aside at first for a body that arrives in pieces, unless it is known to be smaller. */
const MIN_CAPACITY_BYTES = 16 * 1024;
/** By which factor that grows: few copies, and little room for what a slow sender only announces. */
const GROWTH = 4;

/**
 * Receives a request's body. One that arrives in pieces is counted in the budget until it is complete.
 *
 * @throws ProblemError 413 if it has more than `limitBytes`, 503 if there is no room for it, 400 if it is cut short.
 */
export function receiveBody(
  request: IncomingMessage,
  limitBytes: number,
  budget: BodyBudget,
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    let first: Buffer | undefined;
    let pieces: Pieces | undefined;
    let isRefused = false;
    const refuse = (error: unknown) => {
      isRefused = true;
      pieces?.release();
      reject(error);
    };
    const startPieces = () => {
      const hold = budget.open(() => refuse(createNoRoomError()));
      const started = createPieces(limitBytes, Number(request.headers['content-length'] ?? 0), hold);
      if (first !== undefined) {
        started.add(first);
      }
      return started;
    };
    request.on('data', (chunk: Buffer) => {
      if (isRefused) {
        return;
      }
      // Nearly every body arrives whole, and is never copied or counted.
      if (first === undefined && pieces === undefined && request.complete && chunk.length <= limitBytes) {
        first = chunk;
        return;
      }
      try {
        pieces ??= startPieces();
        pieces.add(chunk);
      } catch (error) {
        refuse(error);
      }
    });
    request.on('end', () => {
      const body = pieces?.join() ?? first ?? EMPTY;
      pieces?.release();
      resolve(body);
    });
    request.on('error', (error) => refuse(createBodyError('could not be read', error)));
  });
}

const EMPTY = Buffer.alloc(0);

interface Pieces {
  /** @throws ProblemError 413 or 503 if the piece is too much. */
  add(piece: Buffer): void;
  join(): Buffer;
  release(): void;
}

/** Copies pieces together as they come: a thousand pieces of one byte would hold much more memory than a thousand bytes. */
function createPieces(limitBytes: number, announcedBytes: number, hold: BodyHold): Pieces {
  let joined = EMPTY;
  let length = 0;

  function makeRoom(neededBytes: number): void {
    const grownBytes = Math.max(GROWTH * neededBytes, MIN_CAPACITY_BYTES);
    // Chunked bodies announce nothing.
    const mostBytes = announcedBytes > 0 ? Math.max(announcedBytes, neededBytes) : limitBytes;
    const capacity = Math.min(grownBytes, mostBytes);
    if (!hold.grow(capacity - joined.length)) {
      throw createNoRoomError();
    }
    const larger = Buffer.allocUnsafe(capacity);
    joined.copy(larger, 0, 0, length);
    joined = larger;
  }

  return {
    add: (piece) => {
      const neededBytes = length + piece.length;
      if (neededBytes > limitBytes) {
        throw createTooLargeError(limitBytes);
      }
      if (neededBytes > joined.length) {
        makeRoom(neededBytes);
      }
      piece.copy(joined, length);
      length = neededBytes;
    },
    join: () => joined.subarray(0, length),
    release: hold.release,
  };
}
