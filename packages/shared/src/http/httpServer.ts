import { once } from 'node:events';
import { createServer, IncomingMessage, type RequestListener, type Server, ServerResponse } from 'node:http';
import { type AddressInfo, Socket } from 'node:net';
import type { Express } from 'express';
import { trackConnections } from './connections.ts';
import { holdContinue } from './expectContinue.ts';
import { probeHalfClosedClient } from './halfClosedClient.ts';
import { presetPrototype } from './presetPrototype.ts';
import { answerUnreadableRequest, endWithProblem } from './unreadableRequest.ts';
import { cutOffUnreadResponses } from './unreadResponse.ts';

/** How often Node checks for requests that exceed a limit below (ms). */
const TIMEOUT_CHECK_INTERVAL_MS = 1000;

/** Further connections are refused at once. */
const MAX_CONNECTIONS = 10_000;
/** 32 KiB of headers, with the request line and the punctuation, which Node counts too. */
const MAX_HEADER_BYTES = 36 * 1024;
/**
 * Longer than 60 s, after which nginx and most load balancers close an idle connection: the client closes
 * first (ms).
 */
const KEEP_ALIVE_TIMEOUT_MS = 65_000;
const CLIENT_TIMEOUTS: ClientTimeouts = { headersMs: 10_000, requestMs: 30_000, unreadMs: 30_000 };

/**
 * How long a client may take to send the headers of a request and all of it, and how long it may leave a
 * response unread.
 */
export interface ClientTimeouts {
  headersMs: number;
  requestMs: number;
  unreadMs: number;
}

/**
 * Makes the HTTP server of an Express app. Express gives each request and response the app's prototypes by
 * `Object.setPrototypeOf`, which throws away V8's knowledge of the object's shape; this server creates them
 * with those prototypes, so that the swap changes nothing. The app behaves the same on any server, except
 * that here
 *
 * - a response arrives although the client is still sending, or has ended its half of the connection;
 * - `100 Continue` is sent only when the app wants the body (`sendContinue`);
 * - what isn't HTTP is answered with a problem;
 * - slow or silent clients are bounded: headers within 10 s, a whole request within 30 s, a response that is
 *   not read for
 *   30 s, 10,000 connections.
 *
 * Close it with `closeServer`.
 */
export function createHttpServer(app: Express, timeouts: ClientTimeouts = CLIENT_TIMEOUTS): Server {
  const socket = new Socket();
  const Request = presetPrototype(IncomingMessage, app.request, [socket]);
  const server = createServer({
    IncomingMessage: Request,
    ServerResponse: presetPrototype(ServerResponse, app.response, [new Request(socket)]),
    headersTimeout: timeouts.headersMs,
    requestTimeout: timeouts.requestMs,
    keepAliveTimeout: KEEP_ALIVE_TIMEOUT_MS,
    connectionsCheckingInterval: TIMEOUT_CHECK_INTERVAL_MS,
    maxHeaderSize: MAX_HEADER_BYTES,
    // No route needs the Host header, and Node's own error response would have no body.
    requireHostHeader: false,
  });
  const connections = trackConnections(server);
  const handle: RequestListener = (request, response) => {
    connections.begin(request, response);
    app(request, response);
  };
  cutOffUnreadResponses(server, connections, timeouts.unreadMs);
  server.maxConnections = MAX_CONNECTIONS;
  Object.assign(server, { httpAllowHalfOpen: true });
  server.on('request', handle);
  // Any expectation but 100-continue may be ignored (RFC 9110); Node's own error response would have no body.
  server.on('checkExpectation', handle);
  server.on('checkContinue', (request, response) => {
    holdContinue(request, response);
    handle(request, response);
  });
  server.on('clientError', (error, socket: Socket) =>
    answerUnreadableRequest(error, socket, connections.findPending(socket)),
  );
  server.on('connect', (_request, socket: Socket) => {
    socket.on('error', () => {});
    endWithProblem(socket, 405, 'This server is no proxy.');
  });
  server.on('connection', (socket) => {
    socket.on('end', () => probeHalfClosedClient(socket, connections));
  });
  return server;
}

/**
 * Listens on a port of one address, or of every interface without `host`, and resolves with the port: 0 asks
 * for a free one.
 *
 * @throws Error with one sentence that says why it cannot listen there and what to do.
 */
export async function listen(server: Server, port: number, host?: string): Promise<number> {
  server.listen({ port, host });
  try {
    await once(server, 'listening');
  } catch (error) {
    const where = host === undefined ? `port ${port}` : `port ${port} of ${host}`;
    const { code = '', message } = error as NodeJS.ErrnoException;
    throw new Error(`Can't listen on ${where}: ${LISTEN_ERRORS[code] ?? message}.`, { cause: error });
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
