import { promisify } from 'node:util';
import {
  brotliDecompress,
  gunzipSync,
  type InflateRaw,
  inflateRawSync,
  inflateSync,
  type ZlibOptions,
} from 'node:zlib';
import { createSequence } from '@analytics/shared/async/sequence';
import { createUnavailableError, type ProblemError } from '@analytics/shared/http/problem';
import { createBodyError, createTooLargeError } from './bodyErrors.ts';
import type { BodyEncoding } from './bodyHeaders.ts';
import { refuseEvents } from './refusal.ts';

/**
 * The result of Node's zlib with the option `info`: the output, and the engine with the number of input bytes
 * that it read.
 */
interface Decompressed {
  buffer: Buffer;
  engine: InflateRaw;
}

type Decompress = (body: Buffer, options: ZlibOptions) => unknown;

const decompressBrotli = promisify(brotliDecompress);
const inTurn = createSequence();

const DECOMPRESS: Record<Exclude<BodyEncoding, 'identity'>, Decompress> = {
  gzip: gunzipSync,
  deflate: (body, options) => (hasZlibHeader(body) ? inflateSync : inflateRawSync)(body, options),
  br: (body, options) => inTurn(() => decompressBrotli(body, options)),
};

/**
 * Decompresses a body. Nothing beyond `limitBytes` is decompressed.
 *
 * gzip and deflate need 32 KiB of memory and less time than parsing, so they run synchronously. A few bytes
 * of Brotli can make its decoder fill a window of 16 MiB before the first byte of output, so it runs off the
 * main thread, one body after another.
 *
 * @throws ProblemError 413 if the result has more than `limitBytes`; 400 if the body is broken, cut short, or
 *   has more bytes after its end.
 */
export async function decompress(
  encoding: Exclude<BodyEncoding, 'identity'>,
  body: Buffer,
  limitBytes: number,
): Promise<Buffer> {
  const options = { maxOutputLength: limitBytes, info: true };
  try {
    const { buffer, engine } = (await DECOMPRESS[encoding](body, options)) as Decompressed;
    if (engine.bytesWritten === body.length) {
      return buffer;
    }
  } catch (error) {
    throw explainFailure(error as NodeJS.ErrnoException, encoding, limitBytes);
  }
  throw createBodyError(`has bytes after the end of its ${encoding} data`);
}

/** Two formats are called deflate: with a zlib header, which is a multiple of 31, and raw. */
function hasZlibHeader(body: Buffer): boolean {
  return ((body[0] ?? 0) & 0x0f) === 8 && body.length > 1 && body.readUInt16BE(0) % 31 === 0;
}

function explainFailure(
  error: NodeJS.ErrnoException,
  encoding: BodyEncoding,
  limitBytes: number,
): ProblemError {
  const { code = '' } = error;
  if (code === 'ERR_BUFFER_TOO_LARGE') {
    return createTooLargeError(limitBytes);
  }
  if (code === 'Z_MEM_ERROR' || code.includes('_ALLOC')) {
    return createUnavailableError('There is no memory to decompress the body. Try again.', {
      ...refuseEvents('overloaded'),
      cause: error,
    });
  }
  return createBodyError(`is not valid ${encoding} data, or is cut short`, error);
}
