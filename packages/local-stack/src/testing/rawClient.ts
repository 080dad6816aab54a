import { connect, type Socket } from 'node:net';
import { onTestFinished } from 'vitest';

export interface RawClient {
  socket: Socket;
  /** The bytes received so far, as text. */
  received(): string;
  /** Resolves with everything received when the server ends the connection; rejects if it was reset. */
  ended: Promise<string>;
}

/** A TCP connection for arbitrary bytes. It is closed at the end of the test. */
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
 * Sends the whole request before it reads, as many clients do. Resolves with the response; rejects if a reset
 * discarded it.
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
