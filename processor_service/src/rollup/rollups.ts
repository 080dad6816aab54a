import { openRollupCollections, type RollupCollections } from '@analytics/shared/rollup/rollupCollections';
import type { mongo } from 'mongoose';
import { ensureBaseline } from './baseline.ts';
import { createMarks, type Marks } from './marks.ts';
import { createRoller, type Roller } from './roller.ts';
import { createRollupStore, type RollupStore } from './rollupStore.ts';
import { createUserNumbers, type UserNumbers } from './userNumbers.ts';

/** Everything that makes rollups of the events in one database. */
export interface Rollups {
  readonly events: mongo.Collection;
  readonly collections: RollupCollections;
  readonly marks: Marks;
  readonly store: RollupStore;
  readonly userNumbers: UserNumbers;
  readonly roller: Roller;
  /**
   * Marks what nobody has marked yet, and rolls up what is ripe. Can be cut off anywhere, and called again.
   */
  rollUp(signal: AbortSignal): Promise<void>;
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
  const marks = createMarks(collections);
  const store = createRollupStore(collections);
  const userNumbers = createUserNumbers(collections);
  const roller = createRoller({ events, collections, marks, userNumbers, store, maxBucketBytes });
  return {
    events,
    collections,
    marks,
    store,
    userNumbers,
    roller,
    rollUp: async (signal) => {
      await ensureBaseline({ events, collections, marks }, signal);
      await roller.rollUpRipe({ signal });
    },
  };
}
