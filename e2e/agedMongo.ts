import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';

/** What an older MongoDB says of itself: its version, and the newest protocol that it speaks. */
export interface MongoAge {
  /** As long as that of the real server, such as `5.0.9` for `6.0.5`. */
  version?: string;
  /** 13 is MongoDB 5.0, 7 is 4.0. */
  maxWireVersion?: number;
}

/**
 * Starts a proxy before a real MongoDB that lets it say it is older. Only these fields of its replies are
 * changed.
 *
 * @returns its port, and what closes it.
 */
export async function startAgedMongo(
  mongoPort: number,
  { version, maxWireVersion }: MongoAge,
): Promise<{ port: number; close: () => void }> {
  const age = (reply: Buffer): Buffer => {
    if (maxWireVersion !== undefined) {
      replaceField(reply, '\x10maxWireVersion\0', 0, Buffer.from([maxWireVersion, 0, 0, 0]));
    }
    if (version !== undefined) {
      // The text stands behind its length.
      replaceField(reply, '\x02version\0', 4, Buffer.from(version));
    }
    return reply;
  };
  const server = createServer((client) => {
    const upstream = connect(mongoPort, '127.0.0.1');
    client.on('error', () => upstream.destroy()).on('close', () => upstream.destroy());
    upstream.on('error', () => client.destroy()).on('close', () => client.destroy());
    client.on('data', (chunk) => upstream.write(chunk));
    upstream.on('data', (chunk) => client.write(age(chunk)));
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return { port: (server.address() as AddressInfo).port, close: () => server.close() };
}

function replaceField(reply: Buffer, name: string, skip: number, value: Buffer): void {
  const at = reply.indexOf(name, 0, 'latin1');
  if (at !== -1) {
    value.copy(reply, at + name.length + skip);
  }
}
