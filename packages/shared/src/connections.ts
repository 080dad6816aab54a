import type { IncomingMessage, Server, ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { closeLingering } from './lingeringClose.ts';

/** The connections of one server, and what each is doing. */
export interface Connections {
  sockets(): Iterable<Socket>;
  /** Set while the server closes: every response is then the last of its connection. */
  isClosing: boolean;
  /** Must see each request before the app does. */
  begin(request: IncomingMessage, response: ServerResponse): void;
  /** The response that the connection's client waits for; of several pipelined requests, the last one's. */
  findPending(socket: Socket): ServerResponse | undefined;
}

const connectionsOfServers = new WeakMap<Server, Connections>();

/** The connections of a server that `trackConnections` was called for. */
export function getConnections(server: Server): Connections | undefined {
  return connectionsOfServers.get(server);
}

/** Keeps an account of a server's connections, and has each of them closed in such a way that its last response arrives. */
export function trackConnections(server: Server): Connections {
  const responses = new Map<Socket, ServerResponse | undefined>();
  function forget(this: ServerResponse): void {
    const { socket } = this.req;
    if (responses.get(socket) === this) {
      responses.set(socket, undefined);
    }
  }
  const connections: Connections = {
    isClosing: false,
    sockets: () => responses.keys(),
    begin: (request, response) => {
      responses.set(request.socket, response);
      response.on('close', forget);
      if (connections.isClosing) {
        endConnectionAfter(response);
      }
    },
    findPending: (socket) => responses.get(socket),
  };
  server.on('connection', (socket: Socket) => {
    responses.set(socket, undefined);
    // Node calls this after the last response of a connection.
    socket.destroySoon = () => closeLingering(socket);
    socket.once('close', () => responses.delete(socket));
  });
  connectionsOfServers.set(server, connections);
  return connections;
}

/** Makes a response the last one of its connection, unless it has already told the client otherwise. */
export function endConnectionAfter(response: ServerResponse): void {
  if (!response.headersSent) {
    response.setHeader('Connection', 'close');
  }
}
