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
  /** Made for the user alone if it is missing. */
  dataFolder: string;
  /**
   * `always` puts every acknowledged write on disk; `everysec` (the default) may lose the last second or two.
   */
  appendfsync?: 'always' | 'everysec';
  logFile?: string | undefined;
  /** Further arguments, which win over ours. */
  args?: readonly string[];
  signal?: AbortSignal | undefined;
}

/**
 * Starts a Redis on 127.0.0.1 that keeps its data (AOF) and refuses writes rather than evicting what it
 * holds. Resolves when it takes connections, its earlier data loaded.
 *
 * @throws ServerStartError with Redis' own complaint.
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
      // Its own words, not an answer on the port: that could come from another server which holds the port.
      isReady: (lines) => lines.some((line) => /ready to accept connections/i.test(line)),
      readyTimeoutMs: 60_000,
    }),
  );
}

/** Half of the memory that this process may use: MongoDB and the services run beside Redis. */
function findMaxMemoryBytes(): number {
  return Math.floor(Math.min(totalmem(), process.constrainedMemory() || Number.POSITIVE_INFINITY) / 2);
}

/** Where Redis from 7.0 on keeps its append-only file. */
const MULTI_PART_FOLDER = 'appendonlydir';

/** An older Redis does not look there: it would start empty, and what was accepted would seem to be gone. */
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
