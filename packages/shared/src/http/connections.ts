import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { closeLingering } from './lingeringClose.ts';

/** The connections of a server, with the state of each. */
export interface Connections {
  sockets(): Iterable<Socket>;
  /** Set while the server closes: every response is then the last of its connection. */
  isClosing: boolean;
  /** Must see each request before the app does. */
  begin(request: IncomingMessage, response: ServerResponse): void;
  /** The response that the client waits for: the last one of several pipelined requests. */
  findPending(socket: Socket): ServerResponse | undefined;
}

/** An idle connection holds its last request and response for no longer than this. */
const SWEEP_INTERVAL_MS = 1000;

const connectionsOfServers = new WeakMap<Server, Connections>();

/** The connections of a server that `trackConnections` was called for. */
export function getConnections(server: Server): Connections | undefined {
  return connectionsOfServers.get(server);
}

/** Tracks the connections of a server, and closes each in a way that lets its last response arrive. */
export function trackConnections(server: Server): Connections {
  /** The last response of each connection, whether it is pending or not. */
  const responses = new Map<Socket, ServerResponse | undefined>();
  const connections: Connections = {
    isClosing: false,
    sockets: () => responses.keys(),
    begin: (request, response) => {
      responses.set(request.socket, response);
      if (connections.isClosing) {
        endConnectionAfter(response);
      }
    },
    findPending: (socket) => {
      const response = responses.get(socket);
      return response?.closed ? undefined : response;
    },
  };
  server.on('connection', (socket: Socket) => {
    responses.set(socket, undefined);
    // Node calls this after the last response of a connection.
    socket.destroySoon = () => closeLingering(socket);
    socket.once('close', () => responses.delete(socket));
  });
  forgetClosedResponses(server, responses);
  connectionsOfServers.set(server, connections);
  return connections;
}

/** A listener on each response would do the same, but costs more than everything else here. */
function forgetClosedResponses(server: Server, responses: Map<Socket, ServerResponse | undefined>): void {
  const sweep = setInterval(() => {
    for (const [socket, response] of responses) {
      if (response?.closed) {
        responses.set(socket, undefined);
      }
    }
  }, SWEEP_INTERVAL_MS).unref();
  server.once('close', () => clearInterval(sweep));
}

/** Makes a response the last one of its connection, unless its headers are already sent. */
export function endConnectionAfter(response: ServerResponse): void {
  if (!response.headersSent) {
    response.setHeader('Connection', 'close');
  }
}
