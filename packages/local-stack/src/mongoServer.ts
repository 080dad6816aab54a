import { prepareFolder } from './dataFolder.ts';
import { startOnPort } from './freePort.ts';
import { type RunningServer, startServerProcess } from './serverProcess.ts';

export interface MongoServerOptions {
  /** `mongod`. */
  program: string;
  /** 0 means any free port. */
  port: number;
  /** Created with access for this user only if it does not exist. */
  dataFolder: string;
  logFile?: string | undefined;
  /** Further arguments. */
  args?: readonly string[];
  signal?: AbortSignal | undefined;
}

/**
 * Starts a standalone MongoDB on 127.0.0.1. Resolves when it accepts connections.
 *
 * @throws ServerStartError with the error that mongod printed.
 */
export async function startMongoServer(options: MongoServerOptions): Promise<RunningServer> {
  const { program, dataFolder, logFile, args = [], signal } = options;
  await prepareFolder(dataFolder);
  return startOnPort(options.port, (port) =>
    startServerProcess({
      name: 'MongoDB',
      program,
      args: [
        ...['--bind_ip', '127.0.0.1', '--port', String(port), '--dbpath', dataFolder],
        // The socket file in the temporary folder could belong to another user, and remains after a crash.
        ...['--nounixsocket', '--quiet'],
        ...args,
      ],
      port,
      logFile,
      signal,
      // An answer on the port could come from another server that has the port, so read the server's own log.
      isReady: (lines) => lines.some((line) => line.includes('"Waiting for connections"')),
      readyTimeoutMs: 60_000,
    }),
  );
}
