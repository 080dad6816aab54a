import type { Server } from 'node:http';
import type { Socket } from 'node:net';
import type { Connections } from './connections.ts';

/**
 * Cuts off clients that do not read: connections whose response makes no progress for `unreadMs`. Node limits
 * only the arrival of requests, so such a connection and its buffer would stay forever.
 */
export function cutOffUnreadResponses(server: Server, { findPending }: Connections, unreadMs: number): void {
  server.timeout = unreadMs;
  // With a listener, Node closes no connection itself, not even one past its keep-alive timeout.
  server.on('timeout', (socket: Socket) => {
    if (findPending(socket) === undefined || socket.writableLength > 0) {
      socket.destroy();
    } else {
      // The response is not ready, or the request is still arriving.
      socket.setTimeout(unreadMs);
    }
  });
}
