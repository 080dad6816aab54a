import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { type Connections, endConnectionAfter } from './connections.ts';

/**
 * After this long a client that sends nothing more is probed for the first and the second time; then ever
 * less often.
 */
const FIRST_PROBE_MS = 500;

/**
 * Checks whether a client is still there after it ended its half of the connection while a response is
 * pending. It may wait for the response or be gone: both look the same until something is sent. So a slow
 * response is preceded by `102 Processing`, which clients skip (RFC 9110, section 15.2). The system of a gone
 * client answers with a reset, and the response emits `close` within a second or two, so that work for it can
 * end.
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
  // The first probe of a gone client triggers the reset, the second one sees it.
  let nextDelayMs = FIRST_PROBE_MS;
  probeAfter(FIRST_PROBE_MS);
  response.once('close', () => clearTimeout(timer));
}
