import { mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { startMongoServer } from '@analytics/local-stack/mongoServer';
import { startRedisServer } from '@analytics/local-stack/redisServer';
import type { Bench } from './bench.ts';
import { ownServer } from './ownServer.ts';
import type { Scope } from './scopes.ts';

/** Where a contender finds its Redis and its MongoDB. */
export interface BenchRedis {
  port: number;
}

export type Appendfsync = 'everysec' | 'always';

/** In gigabytes; enough for all that most runs store, and no more than a small machine has. */
const MONGO_CACHE_GB = 1;

/** Starts a fresh, empty Redis for one measurement, so that none inherits anything from the one before. */
export async function startRedis(bench: Bench, scope: Scope, appendfsync: Appendfsync): Promise<BenchRedis> {
  const dataFolder = await createFolder(bench, scope, 'redis');
  const server = await startRedisServer({ program: bench.programs.redis, port: 0, dataFolder, appendfsync });
  ownServer(scope, server);
  return { port: server.port };
}

/** Starts a fresh, empty MongoDB for one measurement; resolves with its URI. */
export async function startMongo(bench: Bench, scope: Scope, cacheGb = MONGO_CACHE_GB): Promise<string> {
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
  return `mongodb://127.0.0.1:${server.port}/analytics`;
}

async function createFolder(bench: Bench, scope: Scope, name: string): Promise<string> {
  const folder = await mkdtemp(join(bench.dataFolder, `${name}-`));
  scope.register(() => rm(folder, { recursive: true, force: true }));
  return folder;
}
