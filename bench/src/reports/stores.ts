import { join } from 'node:path';
import { ROLLUP_COLLECTIONS } from '@analytics/rollups/documents';
import { mongo } from 'mongoose';
import type { Bench } from '../bench.ts';
import { startNaiveWorker, startWorker } from '../contenders.ts';
import { runProgram } from '../program.ts';
import type { Scope } from '../scopes.ts';
import { startMongo, startRedis } from '../stack.ts';
import { insertSiteEvents, type SiteEvents } from './siteEvents.ts';

/** In gigabytes: all that is measured stays in memory, for both. */
const CACHE_GB = 6;

/** One database of this system and one of the naive one, on the same MongoDB. */
export interface ReportStores {
  ours: Store;
  naive: Store;
}

export interface Store {
  name: string;
  uri: string;
  db: mongo.Db;
}

/** Starts a MongoDB, and has each system's worker make its collections and indexes. */
export async function openReportStores(bench: Bench, scope: Scope): Promise<ReportStores> {
  const uri = await startMongo(bench, scope, CACHE_GB);
  const redis = await startRedis(bench, scope, 'everysec');
  const client = await mongo.MongoClient.connect(uri);
  scope.register(() => client.close());
  const openStore = (name: string): Store => ({
    name,
    uri: uri.replace(/[^/]+$/, name),
    db: client.db(name),
  });
  const stores = { ours: openStore('ours'), naive: openStore('naive') };
  await bench.scopes.run(async (ofWorker) => {
    await startWorker(bench, ofWorker, redis, stores.ours.uri);
    await startNaiveWorker(bench, ofWorker, redis, stores.naive.uri);
  });
  return stores;
}

/**
 * Stores events in a database, past the queue. Nothing invalidations their hours, so that nobody may believe
 * rollups of them yet.
 */
export async function loadEvents(bench: Bench, { name, db }: Store, source: SiteEvents): Promise<void> {
  const total = source.count.toLocaleString('en');
  await insertSiteEvents(db.collection('events'), source, (stored) =>
    bench.progress.show(
      `stats: ${stored.toLocaleString('en')} of ${total} events of ${source.site_id} for ${name}`,
    ),
  );
  // Or MongoDB would write them out on one of the cores while it is asked for reports.
  await db.admin().command({ fsync: 1 });
  bench.progress.clear();
}

/** Rolls a site up by the command for it. */
export async function rebuildRollups(bench: Bench, { uri }: Store, site_id: string): Promise<void> {
  bench.progress.show(`stats: rolling up ${site_id}`);
  const command = join(bench.rootFolder, 'processor_service/dist/bin/rollup.js');
  const env = { PATH: process.env['PATH'], NODE_ENV: 'production', MONGO_URI: uri };
  await bench.scopes.run((scope) =>
    runProgram(scope, process.execPath, [command, 'rebuild', '--site', site_id], env),
  );
  bench.progress.clear();
}

/** Throws everything away that is rolled up. Reports read events until the next worker has begun anew. */
export async function dropRollups({ db }: Store): Promise<void> {
  const existing = await db.listCollections({}, { nameOnly: true }).toArray();
  const names = new Set<string>(Object.values(ROLLUP_COLLECTIONS));
  for (const { name } of existing.filter(({ name }) => names.has(name))) {
    await db.dropCollection(name);
  }
}

/** Whether everything is rolled up that is over. */
export async function isFresh({ db }: Store): Promise<boolean> {
  const state = await db.collection(ROLLUP_COLLECTIONS.meta).findOne({ is_complete: true });
  return state !== null && (await db.collection(ROLLUP_COLLECTIONS.invalidations).findOne()) === null;
}

/** What the collections and their indexes take on disk, in bytes, once everything is written out. */
export async function readDiskBytes({ db }: Store, collections: readonly string[]): Promise<number> {
  await db.admin().command({ fsync: 1 });
  let bytes = 0;
  for (const name of collections) {
    const [stats] = await db
      .collection(name)
      .aggregate<{ storageStats: { storageSize: number; totalIndexSize: number } }>([
        { $collStats: { storageStats: {} } },
      ])
      .toArray();
    bytes += (stats?.storageStats.storageSize ?? 0) + (stats?.storageStats.totalIndexSize ?? 0);
  }
  return bytes;
}
