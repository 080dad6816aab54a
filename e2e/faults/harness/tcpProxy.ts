import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Socket } from 'node:net';

/** Stands between a service and its server, and spoils what passes. */
export interface TcpProxy {
  readonly port: number;
  /** Bytes of replies that were swallowed so far. */
  readonly swallowedBytes: number;
  /** From now on requests arrive and their replies vanish. */
  swallowReplies(): void;
  /**
   * Cuts every connection and lets new ones work. A connection that lost replies can't go on: its next reply
   * would be taken for the answer to an earlier request.
   */
  recover(): void;
  /** New connections lead to another server, as after a failover behind one address; the old ones stay. */
  leadTo(port: number): void;
  /** Ends every connection, on both sides, by an RST. */
  reset(): void;
  close(): Promise<void>;
}

/** Starts a proxy on any free port of 127.0.0.1 before a server on `targetPort`. */
export async function startTcpProxy(targetPort: number): Promise<TcpProxy> {
  const sockets = new Set<Socket>();
  let serverPort = targetPort;
  let isSwallowing = false;
  let swallowedBytes = 0;

  const server = createServer((client) => {
    const upstream = connect(serverPort, '127.0.0.1');
    join(client, upstream);
    join(upstream, client);
    client.on('data', (chunk) => upstream.write(chunk));
    upstream.on('data', (chunk) => {
      if (isSwallowing) {
        swallowedBytes += chunk.length;
      } else {
        client.write(chunk);
      }
    });
  });

  /** What ends one side ends the other. */
  function join(socket: Socket, other: Socket): void {
    sockets.add(socket);
    socket.on('error', () => other.destroy());
    socket.on('close', () => {
      sockets.delete(socket);
      other.destroy();
    });
  }

  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    get swallowedBytes() {
      return swallowedBytes;
    },
    swallowReplies: () => {
      isSwallowing = true;
    },
    recover: () => {
      isSwallowing = false;
      for (const socket of sockets) {
        socket.destroy();
      }
    },
    leadTo: (port) => {
      serverPort = port;
    },
    reset: () => {
      for (const socket of sockets) {
        socket.resetAndDestroy();
      }
    },
    close: async () => {
      const closed = once(server, 'close');
      server.close();
      for (const socket of sockets) {
        socket.destroy();
      }
      await closed;
    },
  };
}
