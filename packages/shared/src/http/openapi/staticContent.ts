import { createHash } from 'node:crypto';
import { gunzipSync, gzipSync } from 'node:zlib';
import type { RequestHandler } from 'express';

/** A content that does not change while the process runs. */
export interface StaticContent {
  mediaType: string;
  /** Called at the first request. */
  read: () => string | Buffer;
  headers?: Record<string, string>;
}

/**
 * Serves a content with an ETag. Clients ask each time whether it has changed, and get a 304 if not. Only the
 * compressed form stays in memory; a client that does not accept it is rare.
 */
export function createStaticHandler({ mediaType, read, headers = {} }: StaticContent): RequestHandler {
  let kept: { compressed: Buffer; etag: string } | undefined;
  return (request, response) => {
    kept ??= keep(Buffer.from(read()));
    const isCompressed = request.acceptsEncodings('gzip', 'identity') === 'gzip';
    response
      .set({ 'Cache-Control': 'no-cache', Vary: 'Accept-Encoding', ...headers })
      .set('ETag', `"${kept.etag}${isCompressed ? '-gzip' : ''}"`)
      .type(mediaType);
    if (isCompressed) {
      response.set('Content-Encoding', 'gzip');
    }
    // Express answers 304 if the client has this ETag.
    response.send(isCompressed ? kept.compressed : gunzipSync(kept.compressed));
  };
}

function keep(content: Buffer): { compressed: Buffer; etag: string } {
  return {
    compressed: gzipSync(content),
    etag: createHash('sha256').update(content).digest('base64url').slice(0, 22),
  };
}
