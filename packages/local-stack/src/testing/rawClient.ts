import { connect, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';

export interface RawClient {
  socket: Socket;
  /** What came back so far. */
  received(): string;
  /** Resolves with all that came back once the server has ended the connection; rejects if it was reset. */
  ended: Promise<string>;
}

/** A TCP connection that a test writes on as it likes. It is closed with the test. */
export function connectRaw(port: number, { allowHalfOpen = false } = {}): RawClient {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen });
  onTestFinished(() => void socket.destroy());
  let received = '';
  socket.setEncoding('utf8').on('data', (chunk) => {
    received += chunk;
  });
  const ended = new Promise<string>((resolve, reject) => {
    socket.once('end', () => resolve(received)).once('error', reject);
  });
  ended.catch(() => {});
  return { socket, received: () => received, ended };
}

/**
 * Sends all of a request before it reads, as many clients do. Resolves with the response; rejects if it was
 * lost to a reset.
 */
export async function sendBeforeReading(port: number, head: string, body: Buffer): Promise<string> {
  const { socket, ended } = connectRaw(port, { allowHalfOpen: true });
  socket.pause().write(head);
  await new Promise<void>((resolve, reject) => {
    socket.write(body, (error) => (error ? reject(error) : resolve()));
  });
  socket.resume();
  return ended;
}
