import { openRollupCollections, type RollupCollections } from '@analytics/rollups/documents';
import { createInvalidations, type Invalidations } from '@analytics/rollups/invalidations';
import { createUserDictionary, type UserDictionary } from '@analytics/rollups/userDictionary/assign';
import type { mongo } from 'mongoose';
import { ensureBackfill } from './backfill.ts';
import { type CountsWriter, createCountsWriter } from './countsWriter.ts';
import { createBucketMerger, type OpenBuckets } from './mergeBuckets.ts';
import { createRefresher, type Refresher } from './refresher.ts';

/** The rollups of the events in one database. */
export interface Rollups {
  readonly events: mongo.Collection;
  readonly collections: RollupCollections;
  readonly invalidations: Invalidations;
  readonly userDictionary: UserDictionary;
  readonly writer: CountsWriter;
  readonly openBuckets: OpenBuckets;
  readonly refresher: Refresher;
  /**
   * Completes the backfill and refreshes every bucket that is due. Can be interrupted anywhere and called
   * again.
   */
  refresh(signal: AbortSignal): Promise<void>;
}

export interface RollupsOptions {
  /** The memory budget of the counts of one bucket, in bytes. Absent: MAX_BUCKET_BYTES. */
  maxBucketBytes?: number;
}

export function createRollups(
  db: mongo.Db,
  eventCollection: string,
  { maxBucketBytes }: RollupsOptions = {},
): Rollups {
  const events = db.collection(eventCollection);
  const collections = openRollupCollections(db);
  const invalidations = createInvalidations(collections);
  const writer = createCountsWriter(collections);
  const userDictionary = createUserDictionary(collections);
  const openBuckets: OpenBuckets = (site, buckets) => createBucketMerger(collections, site, buckets);
  const refresher = createRefresher({
    events,
    collections,
    invalidations,
    userDictionary,
    writer,
    openBuckets,
    maxBucketBytes,
  });
  return {
    events,
    collections,
    invalidations,
    userDictionary,
    writer,
    openBuckets,
    refresher,
    refresh: async (signal) => {
      await ensureBackfill({ events, collections, invalidations }, signal);
      await refresher.refreshDue({ signal });
    },
  };
}
