import { prepareFolder } from './dataFolder.ts';
import { startOnPort } from './freePort.ts';
import { type RunningServer, startServerProcess } from './serverProcess.ts';

export interface MongoServerOptions {
  /** `mongod`. */
  program: string;
  /** 0 means any free port. */
  port: number;
  /** Made for the user alone if it is missing. */
  dataFolder: string;
  logFile?: string | undefined;
  /** Further arguments. */
  args?: readonly string[];
  signal?: AbortSignal | undefined;
}

/**
 * Starts a standalone MongoDB on 127.0.0.1. Resolves when it takes connections.
 *
 * @throws ServerStartError with mongod's own complaint.
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
        // A socket file in the common temporary folder could belong to another user, and stays after a crash.
        ...['--nounixsocket', '--quiet'],
        ...args,
      ],
      port,
      logFile,
      signal,
      // Its own words, not an answer on the port: that could come from another server which holds the port.
      isReady: (lines) => lines.some((line) => line.includes('"Waiting for connections"')),
      readyTimeoutMs: 60_000,
    }),
  );
}
