import { once } from 'node:events';
import type { Server } from 'node:http';
import { Server as NetServer, type Socket } from 'node:net';
import { type Connections, endConnectionAfter, getConnections } from './connections.ts';
import { closeLingering, isLingering } from './lingeringClose.ts';

const IDLE_CHECK_INTERVAL_MS = 50;
/** A connection without a request is closed when it has been quiet for this long. */
const QUIET_MS = 300;
const GRACE_MS = 5000;

export interface CloseOptions {
  /** How long requests under way have to finish. */
  graceMs?: number;
}

/**
 * Takes no new connection and answers requests on the open ones, each with `Connection: close`. A connection without a
 * request is closed once it was quiet for a moment, because a client may be sending one: it would be reset. What is not done
 * five seconds later, such as a request whose body still trickles in, is cut off.
 */
export async function closeServer(server: Server, { graceMs = GRACE_MS }: CloseOptions = {}): Promise<void> {
  if (!server.listening) {
    return;
  }
  const closed = once(server, 'close');
  // The method of `http.Server` would also destroy every connection that has no request at this very moment.
  NetServer.prototype.close.call(server);
  const connections = getConnections(server);
  const quietCheck = connections && closeQuietConnections(connections);
  const cutOff = setTimeout(() => destroyAll(connections?.sockets() ?? []), graceMs);
  await closed;
  clearInterval(quietCheck);
  clearTimeout(cutOff);
}

function destroyAll(sockets: Iterable<Socket>): void {
  for (const socket of sockets) {
    socket.destroy();
  }
}

function closeQuietConnections(connections: Connections): NodeJS.Timeout {
  connections.isClosing = true;
  for (const socket of connections.sockets()) {
    const response = connections.findPending(socket);
    if (response !== undefined) {
      endConnectionAfter(response);
    }
  }
  const quiet = new Map<Socket, { bytesRead: number; sinceMs: number }>();
  const check = () => {
    for (const socket of connections.sockets()) {
      if (isLingering(socket) || connections.findPending(socket) !== undefined) {
        quiet.delete(socket);
        continue;
      }
      const seen = quiet.get(socket);
      if (seen === undefined) {
        quiet.set(socket, { bytesRead: socket.bytesRead, sinceMs: performance.now() });
      } else if (seen.bytesRead === socket.bytesRead && performance.now() - seen.sinceMs >= QUIET_MS) {
        // A connection whose bytes have changed is in the middle of a request's headers: it has until the end of the grace.
        closeLingering(socket);
      }
    }
  };
  check();
  return setInterval(check, IDLE_CHECK_INTERVAL_MS);
}
