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
  /** What holds `.data`; the repository's root unless told. */
  rootFolder?: string;
  /** The environment and the `.env` files together; read unless told. */
  settings?: Environment;
  /** The usual ports unless told. */
  redisPort?: number;
  mongoPort?: number;
  /** How long a server that was there already may take until it can be used. */
  checkTimeoutMs?: number;
  progress?: Progress;
  signal?: AbortSignal | undefined;
}

/** A server that the services can use, and who it belongs to. */
export interface StackServer {
  /** Named by the settings, found on its usual port, or started by us. */
  source: 'settings' | 'running' | 'started';
  /** For people: no password in it. */
  address: string;
  /** Where it keeps its data, if we started it. */
  dataFolder?: string;
  /** If we started it. */
  server?: RunningServer;
  /** The settings that lead a service to it. */
  connection: Record<string, string>;
}

export interface Stack {
  redis: StackServer;
  mongo: StackServer;
  /** Those that we started, in this order. */
  servers: RunningServer[];
  logFolder: string;
  /** Stops what we started, MongoDB first. Leaves alone what was there. */
  stop(): Promise<void>;
}

/** What the providers of both servers need to know. */
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
 * A Redis and a MongoDB for a laptop: what the settings name, else what already runs on the usual port, else
 * started here with data in `.data`. Those that were there already are asked whether they can be used.
 *
 * @throws Error in one sentence, or a list of what was tried; whatever was started is stopped by then.
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
