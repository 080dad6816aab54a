import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findMongoProgram } from '../mongoProgram.ts';
import { startMongoServer } from '../mongoServer.ts';
import { findRedisProgram } from '../redisProgram.ts';
import { startRedisServer } from '../redisServer.ts';
import type { RunningServer } from '../serverProcess.ts';
import { createProgress } from '../terminal.ts';
import { FRUGAL_MONGO_ARGS } from '../testServers.ts';
import { freezeProcess, resumeProcess } from './freezeProcess.ts';

/** A server that a test may stop, kill and freeze. */
export interface OwnServer {
  readonly port: number;
  readonly pid: number;
  /** Ends it by SIGTERM. */
  stop(): Promise<void>;
  /** Ends it by SIGKILL. */
  kill(): Promise<void>;
  /** Makes it hang: it keeps its connections and answers nothing. */
  freeze(): Promise<void>;
  /** Ends a freeze. */
  resume(): void;
  /** Starts it again on the same port with the same data. */
  restart(): Promise<void>;
  /** Ends it and removes its data. */
  remove(): Promise<void>;
}

type Start = (port: number, dataFolder: string) => Promise<RunningServer>;

/** Starts a Redis with `appendfsync always` that no other test uses. */
export async function startOwnRedis(args: string[] = []): Promise<OwnServer> {
  const program = await findRedisProgram({ environment: process.env, progress: createProgress() });
  return startOwn((port, dataFolder) =>
    startRedisServer({ program, port, dataFolder, appendfsync: 'always', args }),
  );
}

/** Starts a MongoDB that no other test uses. */
export async function startOwnMongo(args: string[] = []): Promise<OwnServer> {
  const program = await findMongoProgram({ environment: process.env, progress: createProgress() });
  return startOwn((port, dataFolder) =>
    startMongoServer({ program, port, dataFolder, args: [...FRUGAL_MONGO_ARGS, ...args] }),
  );
}

async function startOwn(start: Start): Promise<OwnServer> {
  const dataFolder = await mkdtemp(join(tmpdir(), 'analytics-own-'));
  let server = await start(0, dataFolder);
  return {
    get port() {
      return server.port;
    },
    get pid() {
      return server.pid;
    },
    stop: () => server.stop(),
    kill: () => server.kill(),
    freeze: () => freezeProcess(server.pid),
    resume: () => resumeProcess(server.pid),
    restart: async () => {
      server = await start(server.port, dataFolder);
    },
    remove: async () => {
      await server.kill();
      await rm(dataFolder, { recursive: true, force: true });
    },
  };
}
