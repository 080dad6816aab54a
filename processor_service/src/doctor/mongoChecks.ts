import type { RollupCollections } from '@analytics/rollups/documents';
import { measureDueBuckets } from '@analytics/rollups/dueBuckets';
import type { mongo } from 'mongoose';
import type { Collection } from '../database/createCollections.ts';
import { checkClock } from './clock.ts';
import { type Check, failure, ok, warning } from './findings.ts';

const MAX_TIME_MS = 4000;

/** The alerts of deploy/alerts.yml use the same age. */
const LATE_ROLLUPS_MS = 15 * 60_000;

const HIGH_DISK_PERCENT = 80;
const FULL_DISK_PERCENT = 90;

/** Checks of a MongoDB that can be used. */
export function listMongoChecks(
  db: mongo.Db,
  collections: readonly Collection[],
  rollups: Pick<RollupCollections, 'invalidations'>,
): Check[] {
  return [
    {
      subject: 'MongoDB version',
      run: async () => [ok(String((await db.admin().buildInfo())['version']))],
    },
    { subject: 'MongoDB replication', run: () => checkReplication(db) },
    {
      subject: 'MongoDB writes',
      adviceOnError:
        'Without a majority of the replica set, or without the role readWrite, no event is stored. Events wait in the queue.',
      run: async () => {
        // Deletes nothing, but waits for the same acknowledgement as the storing of an event.
        await db.command({
          delete: 'events',
          deletes: [{ q: { _id: { $in: [] } }, limit: 1 }],
          writeConcern: { w: 'majority', j: true, wtimeout: MAX_TIME_MS },
        });
        return [ok('a majority acknowledges writes')];
      },
    },
    { subject: 'MongoDB indexes', run: () => checkIndexes(db, collections) },
    { subject: 'MongoDB disk', run: () => checkDisk(db) },
    {
      subject: 'MongoDB clock',
      run: async () => {
        const startedMs = Date.now();
        const { localTime } = await db.admin().command({ hello: 1 });
        return [checkClock((localTime as Date).getTime(), startedMs, Date.now())];
      },
    },
    {
      subject: 'Dead letters',
      run: async () => {
        const count = await db.collection('dead_letters').countDocuments({}, { maxTimeMS: MAX_TIME_MS });
        return count === 0
          ? [ok('none')]
          : [
              warning(
                `${count} events could not be stored`,
                'npm run dead-letters -- list shows why; replay stores them once the cause is gone.',
              ),
            ];
      },
    },
    { subject: 'Rollups', run: () => checkRollups(rollups) },
  ];
}

async function checkReplication(db: mongo.Db) {
  const { setName, hosts = [], msg } = await db.admin().command({ hello: 1 });
  if (msg === 'isdbgrid') {
    return [ok('a sharded cluster')];
  }
  return setName === undefined
    ? [
        warning(
          'a single server: its loss is the loss of all events',
          'Run a replica set of three, or make backups (docs/operations.md).',
        ),
      ]
    : [ok(`the replica set ${setName} has ${hosts.length} members with data`)];
}

async function checkIndexes(db: mongo.Db, collections: readonly Collection[]) {
  const missing = await Promise.all(
    collections.map(async ({ name, indexes }) => {
      const cursor = db.collection(name).listIndexes();
      const existing = await cursor.toArray().catch((error: mongo.MongoServerError) => {
        if (error.codeName === 'NamespaceNotFound') {
          return [];
        }
        throw error;
      });
      const keys = existing.map(({ key }) => JSON.stringify(key));
      return indexes
        .filter(({ key }) => !keys.includes(JSON.stringify(key)))
        .map(({ key }) => `${name} ${Object.keys(key).join(', ')}`);
    }),
  );
  const names = missing.flat();
  return names.length === 0
    ? [ok('all exist')]
    : [
        warning(
          `${names.length} are missing: ${names.join('; ')}`,
          'The processor builds them: start it, and see its /readyz for the progress. Until then, reports are slow.',
        ),
      ];
}

async function checkDisk(db: mongo.Db) {
  const { fsUsedSize, fsTotalSize } = await db.command({ dbStats: 1, maxTimeMS: MAX_TIME_MS });
  if (!fsTotalSize) {
    return [ok('this server does not tell how full its disk is')];
  }
  const percent = Math.round((Number(fsUsedSize) / Number(fsTotalSize)) * 100);
  const text = `${percent} % of ${Math.round(Number(fsTotalSize) / 1e9)} GB used`;
  const advice = 'Enlarge the disk, or delete old events: npm run events -- delete --help.';
  if (percent >= FULL_DISK_PERCENT) {
    return [failure(text, advice)];
  }
  return [percent >= HIGH_DISK_PERCENT ? warning(text, advice) : ok(text)];
}

async function checkRollups(rollups: Pick<RollupCollections, 'invalidations'>) {
  const { count, oldestDueMs } = await measureDueBuckets(rollups, MAX_TIME_MS);
  return oldestDueMs > LATE_ROLLUPS_MS
    ? [
        warning(
          `${count} buckets are due, the oldest for ${Math.round(oldestDueMs / 60_000)} minutes`,
          'Reports are exact but slow. Is a processor running? Its log says why it does not roll up.',
        ),
      ]
    : [ok(count === 0 ? 'none is due' : `${count} buckets are due`)];
}
