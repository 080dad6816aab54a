import type { Socket } from 'node:net';

/** How long the rest of a response waits for a client that does not read (ms). */
const FLUSH_IDLE_MS = 30_000;
/** A client that sends nothing for this long after its response (ms) will not send the rest. */
const LINGER_IDLE_MS = 2000;
/** The limits of a client that still sends after its response. The data is dropped. */
const LINGER_TOTAL_MS = 30_000;
const LINGER_MAX_BYTES = 64 * 1024 * 1024;

const lingering = new WeakSet<Socket>();

/** Whether the connection has its last response and only waits for the client to end it. */
export function isLingering(socket: Socket): boolean {
  return lingering.has(socket);
}

/**
 * Closes a connection so that its last response arrives: sends what is left to send, ends the writing half,
 * and reads and drops what the client still sends until the client ends its half too (RFC 9112, section 9.6).
 * A connection that is closed with unread bytes is reset instead, and the client's system then throws away
 * the response that it had received.
 */
export function closeLingering(socket: Socket): void {
  if (lingering.has(socket)) {
    return;
  }
  lingering.add(socket);
  // The parser must see no further request, which could not be answered.
  socket.removeAllListeners('data');
  let droppedBytes = 0;
  socket.on('data', (chunk: Buffer) => {
    droppedBytes += chunk.length;
    if (droppedBytes > LINGER_MAX_BYTES) {
      socket.destroy();
    }
  });
  socket.resume();
  // Without the parser a socket that it had paused reads on only when the stream believes its last read to be
  // over.
  socket.push('');
  socket.once('timeout', () => socket.destroy());
  socket.setTimeout(FLUSH_IDLE_MS);
  socket.end(() => {
    if (!socket.destroyed) {
      socket.setTimeout(LINGER_IDLE_MS);
      const cutOff = setTimeout(() => socket.destroy(), LINGER_TOTAL_MS);
      socket.once('close', () => clearTimeout(cutOff));
    }
  });
}
