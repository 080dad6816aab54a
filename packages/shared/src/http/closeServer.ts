import { once } from 'node:events';
import type { Server } from 'node:http';
import { Server as NetServer, type Socket } from 'node:net';
import { setImmediate } from 'node:timers/promises';
import { type Connections, endConnectionAfter, getConnections } from './connections.ts';
import { closeLingering, isLingering } from './lingeringClose.ts';

/**
 * A connection without a request is closed when it was quiet in this many checks in a row, which take a
 * second. Checks are counted and not time: where the CPU is short, a request may have arrived and wait to be
 * read.
 */
const QUIET_CHECKS = 20;
const QUIET_CHECK_INTERVAL_MS = 50;
const GRACE_MS = 5000;
/** How long connections are still accepted where new ones never cease. */
const MAX_ACCEPT_MS = 200;

export interface CloseOptions {
  /** How long requests under way have to finish. */
  graceMs?: number;
  /** How many checks a connection must be quiet for. */
  quietChecks?: number;
}

/**
 * Takes no new connection and answers requests on the open ones, each with `Connection: close`. A connection
 * without a request is closed once it was quiet for a second, because its client may be about to send one and
 * would see a reset. What is not done five seconds later, such as a request whose body still trickles in, is
 * cut off.
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
  const cutOff = setTimeout(() => destroyAll(connections?.sockets() ?? []), graceMs);
  await closed;
  clearInterval(quietCheck);
  clearTimeout(cutOff);
}

/**
 * Closes the listening socket when it has no connection left that the system has made and Node has not
 * accepted: those would be reset. Node accepts one in each turn of its event loop. Meanwhile nothing is read,
 * so that the turns are short and clients that wait for a response make no further connection.
 */
async function stopListening(server: Server, sockets: Iterable<Socket>): Promise<void> {
  const paused = [...sockets].filter((socket) => !socket.isPaused());
  let turnsWithoutAny = 0;
  const hold = (socket: Socket) => {
    turnsWithoutAny = 0;
    paused.push(socket);
    // Node has asked for the reading of a new connection to start in this tick.
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

function destroyAll(sockets: Iterable<Socket>): void {
  for (const socket of sockets) {
    socket.destroy();
  }
}

/** Comes after the last accept: a client that is told to close its connection makes a new one at once. */
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
      // A connection whose bytes have changed is in the middle of a request's headers: it has until the end
      // of the grace.
    }
  };
  check();
  return setInterval(check, QUIET_CHECK_INTERVAL_MS);
}
