import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, readFile, rm } from 'node:fs/promises';
import { type AddressInfo, connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer } from 'node:tls';
import { promisify } from 'node:util';

export interface TlsServer {
  port: number;
  /** The file of the certificate, which is its own authority. */
  certificateFile: string;
  close(): Promise<void>;
}

/** Speaks TLS on any free port of 127.0.0.1, as `localhost`, in front of a server that does not. */
export async function startTlsServer(targetPort: number): Promise<TlsServer> {
  const folder = await mkdtemp(join(tmpdir(), 'analytics-tls-'));
  const [keyFile, certificateFile] = [join(folder, 'key.pem'), join(folder, 'certificate.pem')];
  await promisify(execFile)('openssl', [
    ...['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-days', '2'],
    ...['-subj', '/CN=localhost', '-addext', 'subjectAltName=DNS:localhost'],
    ...['-keyout', keyFile, '-out', certificateFile],
  ]);
  const server = createServer(
    { key: await readFile(keyFile), cert: await readFile(certificateFile) },
    (client) => {
      const target = connect(targetPort, '127.0.0.1');
      for (const [socket, other] of [
        [client, target],
        [target, client],
      ] as const) {
        socket.pipe(other);
        socket.on('error', () => other.destroy());
        socket.on('close', () => other.destroy());
      }
    },
  );
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    certificateFile,
    close: async () => {
      server.close();
      await rm(folder, { recursive: true });
    },
  };
}
