import { once } from 'node:events';
import { createServer, IncomingMessage, type Server, ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import type { Express } from 'express';
import { createProblem } from './problem.ts';

/** How often Node looks for requests that are past their time: what the limits below can be exceeded by. */
const TIMEOUT_CHECK_INTERVAL_MS = 1000;

/** Past it a connection is refused at once. Each can hold a body of up to 512 KiB. */
const MAX_CONNECTIONS = 10_000;
const HEADERS_TIMEOUT_MS = 10_000;
const REQUEST_TIMEOUT_MS = 30_000;
const KEEP_ALIVE_TIMEOUT_MS = 65_000;
const IDLE_CHECK_INTERVAL_MS = 50;
const CLOSE_GRACE_MS = 5000;

/**
 * Makes the HTTP server of an Express app. Express gives each request and response the app's prototypes by
 * `Object.setPrototypeOf`, which throws away V8's knowledge of the object's shape; this server creates them with those
 * prototypes, so that the swap changes nothing. The app behaves the same on any server.
 *
 * Bounds what slow or silent clients can hold: headers within 10 s, a whole request within 30 s, 10,000 connections.
 */
export function createHttpServer(app: Express): Server {
  const server = createServer(
    {
      IncomingMessage: withPrototype(IncomingMessage, app.request),
      ServerResponse: withPrototype(ServerResponse, app.response),
      headersTimeout: HEADERS_TIMEOUT_MS,
      requestTimeout: REQUEST_TIMEOUT_MS,
      keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
      connectionsCheckingInterval: TIMEOUT_CHECK_INTERVAL_MS,
      // Nothing here depends on the Host header, and Node's own refusal would have no body.
      requireHostHeader: false,
    },
    app,
  );
  server.maxConnections = MAX_CONNECTIONS;
  server.on('clientError', answerUnreadableRequest);
  // An expectation other than 100-continue may be passed over (RFC 9110); Node's own refusal would have no body.
  server.on('checkExpectation', app);
  trackSockets(server);
  return server;
}

/**
 * Listens on a port of one address, or of every interface without `host`, and resolves with the port: 0 asks for a free one.
 *
 * @throws Error with one sentence that says why it cannot listen there and what to do.
 */
export async function listen(server: Server, port: number, host?: string): Promise<number> {
  server.listen({ port, host });
  try {
    await once(server, 'listening');
  } catch (error) {
    const where = host === undefined ? `port ${port}` : `port ${port} of ${host}`;
    throw new Error(`Can't listen on ${where}: ${describeListenError(error as NodeJS.ErrnoException)}.`, {
      cause: error,
    });
  }
  return (server.address() as AddressInfo).port;
}

const LISTEN_ERRORS: Record<string, string> = {
  EADDRINUSE: 'it is already in use',
  EACCES: 'this user may not use it (ports below 1024 are usually reserved); set another port',
  EADDRNOTAVAIL: 'this machine has no such address; set HOST to one of its own, or leave it empty',
  EAFNOSUPPORT: 'this machine does not support that kind of address; set HOST to another',
  EINVAL: 'it is not an address to listen on; set HOST to one of this machine, or leave it empty',
  ENOTFOUND: 'no address is known by that name; set HOST to an address of this machine',
  EAI_AGAIN: 'no name server answers for that name; set HOST to an address of this machine',
};

function describeListenError({ code, message }: NodeJS.ErrnoException): string {
  return LISTEN_ERRORS[code ?? ''] ?? message;
}

/**
 * Takes no new connection, answers the requests under way and ends their connections. A request that is not done five seconds
 * later, such as one whose body still trickles in, is cut off.
 */
export async function closeServer(server: Server): Promise<void> {
  if (!server.listening) {
    return;
  }
  server.close();
  // Node counts neither a connection that never sent anything as idle, nor one whose last answer is out only later.
  const endIdle = () => {
    server.closeIdleConnections();
    endSockets(server, (socket) => socket.bytesRead === 0);
  };
  endIdle();
  const idleCheck = setInterval(endIdle, IDLE_CHECK_INTERVAL_MS);
  const cutOff = setTimeout(() => endSockets(server, () => true), CLOSE_GRACE_MS);
  await once(server, 'close');
  clearInterval(idleCheck);
  clearTimeout(cutOff);
}

/** The open connections of each server. */
const socketsOfServers = new WeakMap<Server, Set<Socket>>();

function trackSockets(server: Server): void {
  const sockets = new Set<Socket>();
  socketsOfServers.set(server, sockets);
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
  });
}

function endSockets(server: Server, isMeant: (socket: Socket) => boolean): void {
  for (const socket of socketsOfServers.get(server) ?? []) {
    if (isMeant(socket)) {
      socket.destroy();
    }
  }
}

/**
 * A constructor that makes what `Base` makes, but with `prototype`. The base is a plain function in Node, so it can be
 * applied to an object that already has its final shape.
 */
function withPrototype<Base>(Base: Base, prototype: object): Base {
  function Preset(this: object, ...args: unknown[]) {
    Reflect.apply(Base as (...args: unknown[]) => void, this, args);
  }
  Preset.prototype = prototype;
  return Preset as Base;
}

/** What isn't HTTP never reaches the app, so its answer is written to the bare connection. */
function answerUnreadableRequest(error: NodeJS.ErrnoException, socket: Socket): void {
  if (error.code === 'ECONNRESET' || !socket.writable) {
    socket.destroy();
    return;
  }
  const status = { ERR_HTTP_REQUEST_TIMEOUT: 408, HPE_HEADER_OVERFLOW: 431 }[error.code ?? ''] ?? 400;
  const detail = {
    400: 'This is not a readable HTTP request.',
    408: 'The request did not arrive in time.',
    431: 'The request headers are too large.',
  }[status];
  const problem = createProblem(status, detail ?? '');
  const body = JSON.stringify(problem);
  socket.end(
    `HTTP/1.1 ${status} ${problem.title}\r\nContent-Type: application/problem+json; charset=utf-8\r\n` +
      `Content-Length: ${Buffer.byteLength(body)}\r\nConnection: close\r\n\r\n${body}`,
  );
}
