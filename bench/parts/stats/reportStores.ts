import { join } from 'node:path';
import { readNodeArgs } from '@analytics/local-stack/nodeArgs';
import { ROLLUP_COLLECTIONS } from '@analytics/rollups/documents';
import { mongo } from 'mongoose';
import type { Bench } from '../../src/bench.ts';
import { startContender } from '../../src/contenders.ts';
import { runProgram } from '../../src/program.ts';
import type { Scope } from '../../src/scopes.ts';
import { type MongoSettings, startMongo, startRedis } from '../../src/servers.ts';
import { insertSiteEvents, type SiteEvents } from './insertSiteEvents.ts';

/** Large enough to keep the data of both systems in memory. */
const CACHE_GB = 6;

/** The databases of both systems, on the same MongoDB. */
export interface ReportStores {
  ours: Store;
  naive: Store;
}

export interface Store {
  name: string;
  settings: MongoSettings;
  db: mongo.Db;
}

/** Starts a MongoDB. Each system's worker creates its collections and indexes. */
export async function openReportStores(bench: Bench, scope: Scope): Promise<ReportStores> {
  const { MONGO_URI } = await startMongo(bench, scope, CACHE_GB);
  const redis = await startRedis(bench, scope);
  const client = await mongo.MongoClient.connect(MONGO_URI);
  scope.register(() => client.close());
  const createStore = (name: string): Store => ({
    name,
    settings: { MONGO_URI: MONGO_URI.replace(/[^/]+$/, name) },
    db: client.db(name),
  });
  const stores = { ours: createStore('ours'), naive: createStore('naive') };
  await bench.scopes.run(async (workers) => {
    await startContender(bench, workers, 'worker', { ...redis, ...stores.ours.settings });
    await startContender(bench, workers, 'naiveWorker', { ...redis, ...stores.naive.settings });
  });
  return stores;
}

/** Inserts events without the queue. Their hours are not invalidated, so they must have no rollups yet. */
export async function loadEvents(bench: Bench, { name, db }: Store, source: SiteEvents): Promise<void> {
  const count = source.count.toLocaleString('en');
  bench.progress.show(`stats: inserting ${count} events of ${source.site_id} for ${name}`);
  await insertSiteEvents(db.collection('events'), source);
  // Otherwise MongoDB writes them to disk during the measurement, on one of the cores.
  await db.admin().command({ fsync: 1 });
  bench.progress.clear();
}

/** Rebuilds the rollups of a site with the `rollup` command. */
export async function rebuildRollups(bench: Bench, { settings }: Store, site_id: string): Promise<void> {
  bench.progress.show(`stats: rebuilding the rollups of ${site_id}`);
  const command = readNodeArgs(join(bench.rootFolder, 'processor_service'), 'rollup');
  const env = { PATH: process.env['PATH'], NODE_ENV: 'production', ...settings };
  await bench.scopes.run((scope) =>
    runProgram(scope, process.execPath, [...command, 'rebuild', '--site', site_id], env),
  );
  bench.progress.clear();
}

/** Drops the rollups. Reports read events until the next worker has built all rollups again. */
export async function dropRollups({ db }: Store): Promise<void> {
  for (const name of await listCollections(db, Object.values(ROLLUP_COLLECTIONS))) {
    await db.dropCollection(name);
  }
}

/** Whether every closed bucket has a rollup. */
export async function areRollupsComplete({ db }: Store): Promise<boolean> {
  const state = await db.collection(ROLLUP_COLLECTIONS.meta).findOne({ is_complete: true });
  return state !== null && (await db.collection(ROLLUP_COLLECTIONS.invalidations).findOne()) === null;
}

/** The size of the events, the rollups and their indexes on disk, in bytes. */
export async function readDiskBytes({ db }: Store): Promise<number> {
  await db.admin().command({ fsync: 1 });
  let bytes = 0;
  for (const name of await listCollections(db, ['events', ...Object.values(ROLLUP_COLLECTIONS)])) {
    const [stats] = await db
      .collection(name)
      .aggregate([{ $collStats: { storageStats: {} } }])
      .toArray();
    bytes += stats?.['storageStats'].storageSize + stats?.['storageStats'].totalIndexSize;
  }
  return bytes;
}

async function listCollections(db: mongo.Db, names: string[]): Promise<string[]> {
  const collections = await db.listCollections({ name: { $in: names } }, { nameOnly: true }).toArray();
  return collections.map(({ name }) => name);
}
