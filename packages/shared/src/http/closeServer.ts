import { once } from 'node:events';
import type { Server } from 'node:http';
import { Server as NetServer, type Socket } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import { type Connections, endConnectionAfter, getConnections } from './connections.ts';
import { closeLingering, isLingering } from './lingeringClose.ts';

/**
 * A connection without a request is closed after this many quiet checks in a row, which take a second. Checks
 * count instead of time, because on a busy CPU an arrived request may wait to be read.
 */
const QUIET_CHECKS = 20;
const QUIET_CHECK_INTERVAL_MS = 50;
const GRACE_MS = 5000;
/** How long connections are still accepted if new ones keep arriving (ms). */
const MAX_ACCEPT_MS = 200;

export interface CloseOptions {
  /** How long running requests have to finish (ms). */
  graceMs?: number;
  /** How many checks a connection must be quiet for. */
  quietChecks?: number;
}

/**
 * Accepts no new connection, and answers requests on open ones with `Connection: close`. A connection without
 * a request is closed after a quiet second, because its client may be about to send one and would get a
 * reset. After five seconds, the remaining connections are cut off, such as those with a slow body.
 */
export async function closeServer(
  server: Server,
  { graceMs = GRACE_MS, quietChecks = QUIET_CHECKS }: CloseOptions = {},
): Promise<void> {
  if (!server.listening) {
    return;
  }
  const connections = getConnections(server);
  const closed = once(server, 'close');
  await stopListening(server, connections?.sockets() ?? []);
  const quietCheck = connections && closeQuietConnections(connections, quietChecks);
  const cutOff = setTimeout(() => {
    for (const socket of connections?.sockets() ?? []) {
      socket.destroy();
    }
  }, graceMs);
  await closed;
  clearInterval(quietCheck);
  clearTimeout(cutOff);
}

/**
 * Closes the listening socket after Node has accepted every connection that the system has established; the
 * others would be reset. Node accepts one per turn of the event loop. Meanwhile nothing is read, so that
 * turns are short and clients that wait for a response open no further connection.
 */
async function stopListening(server: Server, sockets: Iterable<Socket>): Promise<void> {
  const paused = [...sockets].filter((socket) => !socket.isPaused());
  let turnsWithoutAny = 0;
  const hold = (socket: Socket) => {
    turnsWithoutAny = 0;
    paused.push(socket);
    // Node starts to read a new connection in this tick.
    process.nextTick(() => socket.pause());
  };
  for (const socket of paused) {
    socket.pause();
  }
  server.on('connection', hold);
  const deadlineMs = performance.now() + MAX_ACCEPT_MS;
  // The first turn may have begun before this.
  while (turnsWithoutAny < 2 && performance.now() < deadlineMs) {
    turnsWithoutAny += 1;
    await setImmediate();
  }
  // The method of `http.Server` would also destroy every connection that has no request at this very moment.
  NetServer.prototype.close.call(server);
  server.off('connection', hold);
  for (const socket of paused) {
    socket.resume();
  }
}

/** Called after the last accept: a client that gets `Connection: close` opens a new connection at once. */
function closeQuietConnections(connections: Connections, quietChecks: number): NodeJS.Timeout {
  connections.isClosing = true;
  for (const socket of connections.sockets()) {
    const response = connections.findPending(socket);
    if (response !== undefined) {
      endConnectionAfter(response);
    }
  }
  const quiet = new Map<Socket, { bytesRead: number; checks: number }>();
  const check = () => {
    for (const socket of connections.sockets()) {
      if (isLingering(socket) || connections.findPending(socket) !== undefined) {
        quiet.delete(socket);
        continue;
      }
      const seen = quiet.get(socket);
      if (seen === undefined) {
        quiet.set(socket, { bytesRead: socket.bytesRead, checks: 1 });
      } else if (seen.bytesRead === socket.bytesRead) {
        seen.checks += 1;
        if (seen.checks > quietChecks) {
          closeLingering(socket);
        }
      }
      // A connection that received bytes is in the middle of a request's headers: it has until the end of the
      // grace.
    }
  };
  check();
  return setInterval(check, QUIET_CHECK_INTERVAL_MS);
}
