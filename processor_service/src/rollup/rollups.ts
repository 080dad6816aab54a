import { openRollupCollections } from '@analytics/rollups/documents';
import { createInvalidations } from '@analytics/rollups/invalidations';
import { createUserDictionary } from '@analytics/rollups/userDictionary/assign';
import type { mongo } from 'mongoose';
import { ensureBackfill } from './backfill.ts';
import type { BucketBuilderDeps } from './bucketBuilder.ts';
import { createCountsWriter } from './countsWriter.ts';
import { createBucketMerger } from './mergeBuckets.ts';
import { createRefresher, type Refresher } from './refresher.ts';

/** The rollups of the events in one database. */
export interface Rollups extends BucketBuilderDeps {
  readonly refresher: Refresher;
  /**
   * Completes the backfill and refreshes every bucket that is due. Can be interrupted anywhere and called
   * again.
   */
  refresh(signal: AbortSignal): Promise<void>;
}

export function createRollups(
  db: mongo.Db,
  eventCollection: string,
  { maxBucketBytes }: Pick<BucketBuilderDeps, 'maxBucketBytes'> = {},
): Rollups {
  const collections = openRollupCollections(db);
  const deps: BucketBuilderDeps = {
    events: db.collection(eventCollection),
    collections,
    invalidations: createInvalidations(collections),
    userDictionary: createUserDictionary(collections),
    writer: createCountsWriter(collections),
    openBuckets: (site, buckets) => createBucketMerger(collections, site, buckets),
    maxBucketBytes,
  };
  const refresher = createRefresher(deps);
  return {
    ...deps,
    refresher,
    refresh: async (signal) => {
      await ensureBackfill(deps, signal);
      await refresher.refreshDue({ signal });
    },
  };
}
