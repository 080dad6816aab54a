import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { type Connections, endConnectionAfter } from './connections.ts';

/**
 * After this long a client that sends nothing more is probed for the first and the second time; then ever
 * less often.
 */
const FIRST_PROBE_MS = 500;

/**
 * Finds out what became of a client that ended its half of the connection while a response is pending. It may
 * wait for the response, or it may have gone: both look the same until something is sent. So a response that
 * takes long is preceded by `102 Processing`, which clients skip (RFC 9110, section 15.2). A client that has
 * gone answers with a reset, and the response's `close` is emitted within a second or two of its going; work
 * for it can end then.
 */
export function probeHalfClosedClient(socket: Socket, { findPending }: Connections): void {
  const response = findPending(socket);
  if (response === undefined) {
    return;
  }
  endConnectionAfter(response);
  if (response.req.httpVersion === '1.1') {
    probeUntilAnswered(response);
  }
}

function probeUntilAnswered(response: ServerResponse): void {
  let timer: NodeJS.Timeout;
  const probeAfter = (delayMs: number) => {
    timer = setTimeout(() => {
      if (!response.headersSent) {
        response.writeProcessing();
        probeAfter(nextDelayMs);
        nextDelayMs *= 2;
      }
    }, delayMs);
  };
  // The first probe of a client that has gone brings the reset, the second one finds it.
  let nextDelayMs = FIRST_PROBE_MS;
  probeAfter(FIRST_PROBE_MS);
  response.once('close', () => clearTimeout(timer));
}
