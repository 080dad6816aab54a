import { join, resolve } from 'node:path';
import { type Environment, readEnvironment } from '@analytics/shared/service/config';
import { prepareFolder } from './dataFolder.ts';
import type { ProgramSearch } from './programSource.ts';
import { provideMongo } from './provideMongo.ts';
import { provideRedis } from './provideRedis.ts';
import { findRootFolder } from './rootFolder.ts';
import { CHECK_TIMEOUT_MS } from './serverCheck.ts';
import type { RunningServer } from './serverProcess.ts';
import { createProgress, type Progress } from './terminal.ts';

export interface StackOptions {
  /** The folder that contains `.data`. Default: the root of the repository. */
  rootFolder?: string;
  /** Default: the environment and the `.env` files. */
  settings?: Environment;
  /** Default: 6379 and 27017. */
  redisPort?: number;
  mongoPort?: number;
  /** The time in which a server that already ran must become usable (ms). */
  checkTimeoutMs?: number;
  progress?: Progress;
  signal?: AbortSignal | undefined;
}

/** A server that the services can use. */
export interface StackServer {
  /**
   * `settings`: the settings name it. `running`: it already ran on its usual port. `started`: by this
   * process.
   */
  source: 'settings' | 'running' | 'started';
  /** For display, without a password. */
  address: string;
  /** Set if `source` is `started`. */
  dataFolder?: string;
  /** Set if `source` is `started`. */
  server?: RunningServer;
  /** The settings by which a service connects to it. */
  connection: Record<string, string>;
}

export interface Stack {
  redis: StackServer;
  mongo: StackServer;
  /** The servers that this process started, in the order of their start. */
  servers: RunningServer[];
  logFolder: string;
  /** Stops the servers that this process started, MongoDB first. */
  stop(): Promise<void>;
}

/** The options of a start with their defaults filled in. */
export interface StackContext {
  settings: Environment;
  dataFolder: string;
  logFolder: string;
  redisPort: number;
  mongoPort: number;
  checkTimeoutMs: number;
  search: ProgramSearch;
  progress: Progress;
  signal: AbortSignal | undefined;
}

/**
 * Provides a Redis and a MongoDB for development: the server that the settings name, otherwise the one that
 * already runs on the usual port, otherwise a new one with its data in `.data`. Servers that this process did
 * not start are checked first.
 *
 * @throws Error with the reason and what to do. Nothing that was started is left running.
 */
export async function startStack(options: StackOptions = {}): Promise<Stack> {
  const context = createContext(options);
  await prepareFolder(context.logFolder);
  const redis = await provideRedis(context);
  try {
    const mongo = await provideMongo(context);
    const servers = [redis.server, mongo.server].filter((server) => server !== undefined);
    const stop = async () => {
      await mongo.server?.stop();
      await redis.server?.stop();
    };
    return { redis, mongo, servers, logFolder: context.logFolder, stop };
  } catch (error) {
    await redis.server?.stop();
    throw error;
  }
}

function createContext(options: StackOptions): StackContext {
  const {
    rootFolder = findRootFolder(),
    redisPort = 6379,
    mongoPort = 27017,
    checkTimeoutMs = CHECK_TIMEOUT_MS,
    progress = createProgress(),
    signal,
  } = options;
  const settings =
    options.settings ?? readEnvironment({ processEnv: process.env, within: import.meta.dirname }).environment;
  const dataFolder = resolve(rootFolder, settings['DATA_FOLDER'] ?? '.data');
  return {
    settings,
    dataFolder,
    logFolder: join(dataFolder, 'logs'),
    redisPort,
    mongoPort,
    checkTimeoutMs,
    search: { environment: process.env, progress, signal },
    progress,
    signal,
  };
}
