import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { findMongoProgram } from './mongoProgram.ts';
import { startMongoServer } from './mongoServer.ts';
import { findRedisProgram } from './redisProgram.ts';
import { startRedisServer } from './redisServer.ts';
import type { RunningServer } from './serverProcess.ts';
import { createProgress } from './terminal.ts';

export interface TestServers {
  redis: RunningServer;
  mongo: RunningServer;
  /** Stops both and removes their data. */
  stop(): Promise<void>;
}

/** For tests: a small cache and no diagnostic data on disk. */
export const FRUGAL_MONGO_ARGS = [
  ...['--wiredTigerCacheSizeGB', '0.5'],
  ...['--setParameter', 'diagnosticDataCollectionEnabled=false'],
];

/**
 * Starts a Redis and a MongoDB for tests on free ports, with their data in a new temporary folder. They end
 * with this process, even after a SIGKILL.
 *
 * @throws Error if a program is not found or does not start. Nothing is left running.
 */
export async function startTestServers(): Promise<TestServers> {
  const search = { environment: process.env, progress: createProgress() };
  const redisProgram = await findRedisProgram(search);
  const mongoProgram = await findMongoProgram(search);
  const folder = await mkdtemp(join(tmpdir(), 'analytics-test-'));
  const started: RunningServer[] = [];
  const stop = async () => {
    await Promise.all(started.map((server) => server.stop()));
    await rm(folder, { recursive: true, force: true });
  };
  try {
    const redis = await startRedisServer({
      program: redisProgram,
      port: 0,
      dataFolder: join(folder, 'redis'),
    });
    started.push(redis);
    const mongo = await startMongoServer({
      program: mongoProgram,
      port: 0,
      dataFolder: join(folder, 'mongodb'),
      args: FRUGAL_MONGO_ARGS,
    });
    started.push(mongo);
    return { redis, mongo, stop };
  } catch (error) {
    await stop();
    throw error;
  }
}
