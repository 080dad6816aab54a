import { join, resolve } from 'node:path';
import { type Environment, parseSettings, readEnvironment } from '@analytics/shared/config';
import { findRedisAddress, redisSettings } from '@analytics/shared/redisSettings';
import { z } from 'zod';
import { requireFreeDisk } from './diskSpace.ts';
import { identifyMongo, identifyRedis } from './listeningServer.ts';
import { findMongoProgram } from './mongoProgram.ts';
import { startMongoServer } from './mongoServer.ts';
import { findRedisProgram } from './redisProgram.ts';
import { startRedisServer } from './redisServer.ts';
import { findRootFolder } from './rootFolder.ts';
import type { RunningServer } from './serverProcess.ts';
import { createProgress, type Progress } from './terminal.ts';

/** A new MongoDB takes some 300 MB before the first event. */
const NEEDED_DISK_BYTES = 500e6;

export interface StackOptions {
  /** What holds `.data`; the repository's root unless told. */
  rootFolder?: string;
  /** The environment and the `.env` files together; read unless told. */
  settings?: Environment;
  /** The usual ports unless told. */
  redisPort?: number;
  mongoPort?: number;
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

/**
 * A Redis and a MongoDB for a laptop: what the settings name, else what already runs on the usual port, else started here
 * with data in `.data`.
 *
 * @throws Error in one sentence, or a list of what was tried; whatever was started is stopped by then.
 */
export async function startStack(options: StackOptions = {}): Promise<Stack> {
  const context = createContext(options);
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

type Context = ReturnType<typeof createContext>;

function createContext(options: StackOptions) {
  const {
    rootFolder = findRootFolder(),
    redisPort = 6379,
    mongoPort = 27017,
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
    search: { environment: process.env, progress, signal },
    progress,
    signal,
  };
}

async function provideRedis(context: Context): Promise<StackServer> {
  const { settings, redisPort: port, signal } = context;
  const named = findNamedRedis(settings);
  if (named) {
    return named;
  }
  const address = `127.0.0.1:${port}`;
  const connection = { REDIS_HOST: '127.0.0.1', REDIS_PORT: String(port) };
  const listener = await identifyRedis(port);
  if (listener === 'redis' || (listener === 'locked' && settings['REDIS_PASSWORD'])) {
    return { source: 'running', address, connection };
  }
  if (listener === 'locked') {
    throw new Error(`The Redis on ${address} asks for a password: set REDIS_PASSWORD in .env, or stop it.`);
  }
  if (listener === 'other') {
    throw new Error(
      `What listens on ${address} does not answer as a Redis: stop it, or set REDIS_HOST and REDIS_PORT in .env to a Redis that you have.`,
    );
  }
  await requireFreeDisk(context.dataFolder, NEEDED_DISK_BYTES);
  const dataFolder = join(context.dataFolder, 'redis');
  const program = await findRedisProgram(context.search);
  context.progress.show('Starting Redis');
  const server = await startRedisServer({
    program,
    port,
    dataFolder,
    appendfsync: 'always',
    logFile: join(context.logFolder, 'redis.log'),
    signal,
  }).finally(context.progress.clear);
  return { source: 'started', address, dataFolder, server, connection };
}

/** @throws SettingsError if the settings name it in a way that a service would not understand. */
function findNamedRedis(settings: Environment): StackServer | undefined {
  const { REDIS_URL, REDIS_HOST, REDIS_PORT } = settings;
  if (!(REDIS_URL || REDIS_HOST || REDIS_PORT)) {
    return undefined;
  }
  const { host, port } = findRedisAddress(parseSettings(z.object(redisSettings), settings));
  return {
    source: 'settings',
    address: `${host}:${port}`,
    connection: REDIS_URL ? { REDIS_URL } : { REDIS_HOST: host, REDIS_PORT: String(port) },
  };
}

async function provideMongo(context: Context): Promise<StackServer> {
  const { settings, mongoPort: port, signal } = context;
  if (settings['MONGO_URI']) {
    const uri = settings['MONGO_URI'];
    // Everything up to the last @ before the path is the user's name and password.
    const address = uri.replace(/^[^:]*:\/\/([^/]*@)?/, '').replace(/[/?].*$/, '');
    return { source: 'settings', address, connection: { MONGO_URI: uri } };
  }
  const address = `127.0.0.1:${port}`;
  const connection = { MONGO_URI: `mongodb://${address}/analytics` };
  const listener = await identifyMongo(port);
  if (listener === 'mongodb') {
    return { source: 'running', address, connection };
  }
  if (listener === 'other') {
    throw new Error(
      `What listens on ${address} does not answer as a MongoDB: stop it, or set MONGO_URI in .env to a MongoDB that you have.`,
    );
  }
  await requireFreeDisk(context.dataFolder, NEEDED_DISK_BYTES);
  const dataFolder = join(context.dataFolder, 'mongodb');
  const program = await findMongoProgram(context.search);
  context.progress.show('Starting MongoDB');
  const server = await startMongoServer({
    program,
    port,
    dataFolder,
    logFile: join(context.logFolder, 'mongodb.log'),
    signal,
  }).finally(context.progress.clear);
  return { source: 'started', address, dataFolder, server, connection };
}
