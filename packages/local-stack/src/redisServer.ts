import { existsSync } from 'node:fs';
import { totalmem } from 'node:os';
import { join } from 'node:path';
import { prepareFolder } from './dataFolder.ts';
import { startOnPort } from './freePort.ts';
import { readProgramVersion } from './programSource.ts';
import { type RunningServer, startServerProcess } from './serverProcess.ts';

export interface RedisServerOptions {
  /** `redis-server`, or one that takes the same arguments. */
  program: string;
  /** 0 means any free port. */
  port: number;
  /** Created with access for this user only if it does not exist. */
  dataFolder: string;
  /**
   * `always` puts every acknowledged write on disk; `everysec` (the default) may lose the last second or two.
   */
  appendfsync?: 'always' | 'everysec';
  logFile?: string | undefined;
  /** Further arguments, which override the default ones. */
  args?: readonly string[];
  signal?: AbortSignal | undefined;
}

/**
 * Starts a Redis on 127.0.0.1 that persists its data (AOF) and, when its memory is full, refuses writes
 * instead of evicting keys. Resolves when it has loaded its data and accepts connections.
 *
 * @throws ServerStartError with the error that Redis printed.
 */
export async function startRedisServer(options: RedisServerOptions): Promise<RunningServer> {
  const { program, dataFolder, appendfsync = 'everysec', logFile, args = [], signal } = options;
  await prepareFolder(dataFolder);
  await requireReadableData(program, dataFolder);
  return startOnPort(options.port, (port) =>
    startServerProcess({
      name: 'Redis',
      program,
      args: [
        ...['--bind', '127.0.0.1', '--port', String(port), '--dir', dataFolder],
        ...['--appendonly', 'yes', '--appendfsync', appendfsync, '--save', ''],
        ...['--maxmemory', String(findMaxMemoryBytes()), '--maxmemory-policy', 'noeviction'],
        ...args,
      ],
      port,
      logFile,
      signal,
      // An answer on the port could come from another server that has the port, so read the server's own log.
      isReady: (lines) => lines.some((line) => /ready to accept connections/i.test(line)),
      readyTimeoutMs: 60_000,
    }),
  );
}

/** Half of the memory that this process may use: MongoDB and the services need the rest. */
function findMaxMemoryBytes(): number {
  return Math.floor(Math.min(totalmem(), process.constrainedMemory() || Number.POSITIVE_INFINITY) / 2);
}

/** The folder of the append-only file of Redis 7.0 and newer. */
const MULTI_PART_FOLDER = 'appendonlydir';

/** An older Redis does not read that folder: it would start empty, and accepted events would seem lost. */
async function requireReadableData(program: string, dataFolder: string): Promise<void> {
  if (!existsSync(join(dataFolder, MULTI_PART_FOLDER))) {
    return;
  }
  const [major = 0, minor = 0] = (await readProgramVersion(program)) ?? [];
  if (major < 7) {
    throw new Error(
      `${dataFolder} holds the data of a Redis from 7.0 on, which ${program} (${major}.${minor}) would not see: install Redis 7.0 or newer, or set DATA_FOLDER in .env to another folder.`,
    );
  }
}
