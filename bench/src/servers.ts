import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { startMongoServer } from '@analytics/local-stack/mongoServer';
import { startRedisServer } from '@analytics/local-stack/redisServer';
import type { RunningServer } from '@analytics/local-stack/serverProcess';
import type { Bench } from './bench.ts';
import type { Scope } from './scopes.ts';

/** The settings that connect a contender to a Redis. */
export interface RedisSettings {
  REDIS_PORT: string;
}

/** The settings that connect a contender to a MongoDB. */
export interface MongoSettings {
  MONGO_URI: string;
}

export type Appendfsync = 'everysec' | 'always';

/** Starts an empty Redis. */
export async function startRedis(
  bench: Bench,
  scope: Scope,
  appendfsync: Appendfsync = 'everysec',
): Promise<RedisSettings> {
  const dataFolder = await createFolder(bench, scope, 'redis');
  const server = await startRedisServer({ program: bench.programs.redis, port: 0, dataFolder, appendfsync });
  ownServer(scope, server);
  return { REDIS_PORT: String(server.port) };
}

/** Starts an empty MongoDB. */
export async function startMongo(bench: Bench, scope: Scope, cacheGb = 1): Promise<MongoSettings> {
  const dataFolder = await createFolder(bench, scope, 'mongodb');
  const server = await startMongoServer({
    program: bench.programs.mongo,
    port: 0,
    dataFolder,
    args: [
      ...['--wiredTigerCacheSizeGB', String(cacheGb)],
      ...['--setParameter', 'diagnosticDataCollectionEnabled=false'],
    ],
  });
  ownServer(scope, server);
  return { MONGO_URI: `mongodb://127.0.0.1:${server.port}/analytics` };
}

/** Kills a server at the end of the scope. The scope fails if the server ends earlier. */
export function ownServer(scope: Scope, server: RunningServer): void {
  scope.register(() => server.kill());
  void server.exited.then(({ wasAsked, description }) => {
    if (!wasAsked) {
      scope.fail(new Error(`${server.name} ended while it was measured, ${description}`));
    }
  });
}

async function createFolder(bench: Bench, scope: Scope, name: string): Promise<string> {
  const folder = await mkdtemp(join(bench.dataFolder, `${name}-`));
  scope.register(() => rm(folder, { recursive: true, force: true }));
  return folder;
}
