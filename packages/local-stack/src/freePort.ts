import { randomInt } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { isPortTakenError } from './serverProcess.ts';

/**
 * Below the range from which systems take the ports of outgoing connections (Linux from 32768, macOS from
 * 49152). A port in that range can be given to a client that tries to reconnect to the stopped server, and
 * the server can't listen on it again.
 */
const ANY_PORT = { from: 20_000, to: 32_000 };

/**
 * A port on 127.0.0.1 that was free a moment ago.
 *
 * @throws Error if none was found in 100 tries.
 */
export async function findFreePort(): Promise<number> {
  for (let tries = 0; tries < 100; tries += 1) {
    const port = randomInt(ANY_PORT.from, ANY_PORT.to);
    if ((await tryToListen(port, '127.0.0.1')) === undefined) {
      return port;
    }
  }
  throw new Error(`No free port on 127.0.0.1 from ${ANY_PORT.from} to ${ANY_PORT.to} in 100 tries.`);
}

/**
 * Starts a server on `port`, or on any free port if `port` is 0. If another program takes that port first,
 * tries another one, up to five times. Throws every other failure at once.
 */
export async function startOnPort<Server>(
  port: number,
  start: (port: number) => Promise<Server>,
): Promise<Server> {
  if (port !== 0) {
    return start(port);
  }
  for (let tries = 1; ; tries += 1) {
    try {
      return await start(await findFreePort());
    } catch (error) {
      if (tries === 5 || !isPortTakenError(error)) {
        throw error;
      }
    }
  }
}

/**
 * Checks that a service can listen on `port`.
 *
 * @throws Error that names the port and its setting, `settingName`.
 */
export async function requireFreePort(port: number, settingName: string): Promise<void> {
  // Some systems allow a listener on all addresses beside one on 127.0.0.1, so check both.
  const problem = (await tryToListen(port, '127.0.0.1')) ?? (await tryToListen(port));
  if (problem === 'EADDRINUSE') {
    throw createPortTakenError(port, settingName);
  }
  if (problem !== undefined) {
    throw new Error(`Port ${port} can't be used (${problem}): set ${settingName} to another port.`);
  }
}

/** The error for a port that another program uses. */
export function createPortTakenError(port: number, settingName: string, cause?: unknown): Error {
  return new Error(
    `Port ${port} is in use by another program: stop that, or set ${settingName} to a free port.`,
    { cause },
  );
}

async function tryToListen(port: number, host?: string): Promise<string | undefined> {
  const server = createServer();
  try {
    server.listen({ port, host });
    await once(server, 'listening');
  } catch (error) {
    return (error as NodeJS.ErrnoException).code ?? String(error);
  }
  server.close();
  await once(server, 'close');
  return undefined;
}
