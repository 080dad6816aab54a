import type { PropertyValue } from '@analytics/shared/event/eventProperties';
import type { mongo } from 'mongoose';
import type { Granularity } from './calendar.ts';

/** The dimension with one value, null, that every event has. Its counts are the totals. */
export const TOTAL_DIMENSION = '';

/**
 * The dimension whose values are the quarters of an hour, 0 to 3. Only hours have it. It makes up the days of
 * time zones whose offset from UTC is not a whole hour.
 */
export const QUARTER_HOUR_DIMENSION = 'quarter';

export type DimensionValue = PropertyValue | null;

/** The order of the fields is part of the format; keys.ts says why. */
export interface CountsKey {
  /** A site code. */
  site: number;
  dimension: string;
  granularity: Granularity;
  start: Date;
  part: number;
}

/**
 * A document of `rollup_counts`: counts of some values of a dimension, the most views first. A dimension with
 * more values than fit into one document has several parts. The arrays run in parallel.
 */
export interface CountsDocument {
  _id: CountsKey;
  /** The claim under which it was counted (InvalidationDocument). All parts of one version have the same. */
  version: number;
  /** The number of parts of this version. */
  parts: number;
  /** Set if the bucket has more values than a rollup may hold. It then has no others. */
  has_too_many_values?: true;
  values: DimensionValue[];
  views: number[];
  /** Distinct users of each value. */
  users: number[];
  /** The encoded bitmap of each value's users, if the bitmaps are small. */
  user_bitmaps?: mongo.Binary[];
  /** Otherwise, the index of the first value of each document of `rollup_user_bitmaps`. */
  chunk_starts?: number[];
}

/** A document of `rollup_user_bitmaps`: the users of some values of one CountsDocument, in the same order. */
export interface UserBitmapsDocument {
  _id: CountsKey & { chunk: number };
  version: number;
  user_bitmaps: mongo.Binary[];
}

/**
 * A document of `rollup_invalidations`: a bucket without a rollup that can be used. The invalidation of an
 * hour holds for its day and its month, too. A bucket without one has a rollup, or contains no events.
 */
export interface InvalidationDocument {
  _id: { site_id: string; granularity: Granularity; start: Date };
  /** When to refresh the bucket, by MongoDB's clock. It saves work; no answer depends on it. */
  due_at: Date;
  /**
   * The latest claim: the version that a processor began to count. It only grows while the document exists.
   */
  claim?: number;
  /** Whether the claim holds. Each invalidation ends it. */
  is_claimed?: boolean;
}

/** A document of `rollup_site_codes`. */
export interface SiteCodeDocument {
  _id: string;
  /** Stands for the site in the other collections. */
  code: number;
  /** Every dimension that ever had a rollup. */
  dimensions: string[];
  /** Whether the site has more properties than a site may have dimensions. */
  has_more_dimensions: boolean;
}

/**
 * A document of `rollup_user_pages`: users of a site whose ids have the same hash. A user's code follows from
 * the page and the user's offset in it (userDictionary/layout.ts). One text is decoded faster than a list.
 */
export interface UserPageDocument {
  _id: { site: number; tier: number; page: number };
  /** The number of users. */
  count: number;
  /** Their ids, each followed by NUL, in the order in which they were added. */
  users: string;
}

/**
 * Increase it when the format of any document here changes. The processor then drops all rollups and rebuilds
 * them.
 */
export const ROLLUP_FORMAT = 5;

/**
 * A document of `rollup_meta`: whether every hour with events from before the first invalidation is
 * invalidated.
 */
export interface BackfillDocument {
  _id: 'backfill';
  is_complete: boolean;
  format: number;
  /** The position that the backfill has reached. */
  site_id?: string;
  timestamp?: Date;
}

/** A document of `rollup_meta`: the last version that any processor began. */
interface VersionCounterDocument {
  _id: 'versions';
  last: number;
}

export interface RollupCollections {
  counts: mongo.Collection<CountsDocument>;
  userBitmaps: mongo.Collection<UserBitmapsDocument>;
  invalidations: mongo.Collection<InvalidationDocument>;
  siteCodes: mongo.Collection<SiteCodeDocument>;
  userPages: mongo.Collection<UserPageDocument>;
  meta: mongo.Collection<BackfillDocument>;
  /** In the same collection as `meta`. */
  versions: mongo.Collection<VersionCounterDocument>;
  /** The options of every read for a report. */
  readOptions: ReadOptions;
}

export interface ReadOptions {
  /** How long MongoDB may work on a query (ms). Absent: without limit. */
  maxTimeMS?: number;
  /** Cancels the query. */
  signal?: AbortSignal;
}

export const ROLLUP_COLLECTIONS = {
  counts: 'rollup_counts',
  userBitmaps: 'rollup_user_bitmaps',
  invalidations: 'rollup_invalidations',
  siteCodes: 'rollup_site_codes',
  userPages: 'rollup_user_pages',
  meta: 'rollup_meta',
} as const satisfies Record<Exclude<keyof RollupCollections, 'readOptions' | 'versions'>, string>;

/** The collections of formats 1 to 4. The backfill drops them. */
export const FORMER_COLLECTIONS = [
  'rollups',
  'rollup_user_sets',
  'rollup_marks',
  'rollup_sites',
  'rollup_users',
  'rollup_states',
] as const;

/** Opens the collections without a query. */
export function openRollupCollections(db: mongo.Db, readOptions: ReadOptions = {}): RollupCollections {
  return {
    counts: db.collection(ROLLUP_COLLECTIONS.counts),
    userBitmaps: db.collection(ROLLUP_COLLECTIONS.userBitmaps),
    invalidations: db.collection(ROLLUP_COLLECTIONS.invalidations),
    siteCodes: db.collection(ROLLUP_COLLECTIONS.siteCodes),
    userPages: db.collection(ROLLUP_COLLECTIONS.userPages),
    meta: db.collection(ROLLUP_COLLECTIONS.meta),
    versions: db.collection(ROLLUP_COLLECTIONS.meta),
    readOptions,
  };
}
