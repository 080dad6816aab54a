import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import type { Connections } from './connections.ts';

/**
 * Cuts off clients that do not read: a connection whose response makes no progress for `unreadMs`. Node
 * limits only how long a request may take to arrive, so that such a connection, and what waits to be read,
 * would stay forever.
 */
export function cutOffUnreadResponses(server: Server, { findPending }: Connections, unreadMs: number): void {
  server.timeout = unreadMs;
  // With a listener Node closes no connection itself, not even one whose time to be kept alive is over.
  server.on('timeout', (socket: Socket) => {
    if (findPending(socket) === undefined || socket.writableLength > 0) {
      socket.destroy();
    } else {
      // The response is still being made, or the request is still arriving.
      socket.setTimeout(unreadMs);
    }
  });
}
