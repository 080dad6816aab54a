import type { mongo } from 'mongoose';
import type { PropertyValue } from '../event/eventProperties.ts';
import type { Granularity } from './buckets.ts';

/** The dimension whose one value, null, every event has: its counts are the totals. */
export const TOTALS = '';

/** The dimensions of every event; besides them each property is one, `property:KEY`. */
export const EVENT_DIMENSIONS = ['path', 'event_type', 'referrer_host'] as const;

/**
 * The dimension whose values are the quarters of an hour, 0 to 3. Only hours have it: with it a day is put
 * together in a zone that is a half or a quarter of an hour off UTC.
 */
export const QUARTERS = 'quarter';

export type DimensionValue = PropertyValue | null;

/**
 * Names a part of what is known of one dimension in one bucket. The fields stand in the order of the
 * questions: a question is of one site and dimension, over buckets that follow each other.
 */
export interface RollupKey {
  /** The site's number. */
  site: number;
  dimension: string;
  granularity: Granularity;
  start: Date;
  part: number;
}

/**
 * The counts of some values of a dimension, the most views first: a document of `rollups`. A dimension of
 * more values than fit into one document has several parts. The three arrays run side by side.
 */
export interface CountsDocument {
  _id: RollupKey;
  /**
   * Numbers the editions in the order of their claims (MarkDocument); the same in all parts of one edition.
   */
  edition: number;
  /** How many parts there are. */
  parts: number;
  /** Present if the bucket has more values than are rolled up; the others are absent then. */
  has_too_many_values?: true;
  values: DimensionValue[];
  views: number[];
  /** Distinct users of each value. */
  users: number[];
  /** The users of each value as encoded sets, if they are small. */
  user_sets?: mongo.Binary[];
  /** Where they are large: which of the values each document of `rollup_user_sets` begins with. */
  chunk_starts?: number[];
}

/**
 * The users of some of the values of one CountsDocument, in the same order: a document of `rollup_user_sets`.
 */
export interface UserSetsDocument {
  _id: RollupKey & { chunk: number };
  edition: number;
  user_sets: mongo.Binary[];
}

/**
 * A bucket whose rollup does not exist yet or can't be trusted: a document of `rollup_marks`. A mark of an
 * hour holds for its day and its month, too. A bucket without a mark is rolled up, or nothing happened in it.
 */
export interface MarkDocument {
  _id: { site_id: string; granularity: Granularity; start: Date };
  /** From when on it should be rolled up, by the server's clock. This saves work; no answer depends on it. */
  ripe_at: Date;
  /** The latest claim: the edition that a processor began to count. It only grows while the mark exists. */
  claim?: number;
  /** Whether the claim still holds. Each marking ends it. */
  is_claimed?: boolean;
}

/** What is known of a site: a document of `rollup_sites`. */
export interface SiteDocument {
  _id: string;
  /** Stands for the site in the other collections. */
  number: number;
  /** Every dimension that was ever rolled up. */
  dimensions: string[];
  /** Whether some properties are not among them, because there are too many. */
  has_more_dimensions: boolean;
}

/**
 * Users of a site whose names have the same hash: a document of `rollup_users`. A user's number follows from
 * the slot and the place in it (userSlots.ts). Thousands of users are looked up by reading few documents, and
 * one text is decoded faster than a list.
 */
export interface UserSlotDocument {
  _id: { site: number; level: number; slot: number };
  /** How many there are. */
  count: number;
  /** Their names, each followed by NUL, in the order in which they were met. */
  users: string;
}

/**
 * The form in which rollups are stored. Raised when it changes: the processor then throws away what is stored
 * in another form, and makes it anew.
 */
export const ROLLUP_FORMAT = 4;

/** A document of `rollup_states`. It says that every event from before the first mark has its hour marked. */
export interface BaselineDocument {
  _id: 'baseline';
  is_complete: boolean;
  /** Absent: 1. */
  format?: number;
  /** How far the marking has come. */
  site_id?: string;
  timestamp?: Date;
}

/** A document of `rollup_states`: the number of the last edition that any processor began. */
export interface EditionsDocument {
  _id: 'editions';
  last: number;
}

export interface RollupCollections {
  rollups: mongo.Collection<CountsDocument>;
  userSets: mongo.Collection<UserSetsDocument>;
  marks: mongo.Collection<MarkDocument>;
  sites: mongo.Collection<SiteDocument>;
  userSlots: mongo.Collection<UserSlotDocument>;
  states: mongo.Collection<BaselineDocument>;
  /** Kept beside the states, in the same collection. */
  editions: mongo.Collection<EditionsDocument>;
  /** How each question of a report to them is asked. */
  readOptions: ReadOptions;
}

export interface ReadOptions {
  /** How long MongoDB may work on it, in milliseconds. Absent: as long as it takes. */
  maxTimeMS?: number;
  /** Ends the question when it aborts. */
  signal?: AbortSignal;
}

/** The names of the collections. */
export const ROLLUP_COLLECTIONS = {
  rollups: 'rollups',
  userSets: 'rollup_user_sets',
  marks: 'rollup_marks',
  sites: 'rollup_sites',
  userSlots: 'rollup_users',
  states: 'rollup_states',
} as const satisfies Record<Exclude<keyof RollupCollections, 'readOptions' | 'editions'>, string>;

/** Names the collections in a database; asks it nothing. */
export function openRollupCollections(db: mongo.Db, readOptions: ReadOptions = {}): RollupCollections {
  return {
    rollups: db.collection(ROLLUP_COLLECTIONS.rollups),
    userSets: db.collection(ROLLUP_COLLECTIONS.userSets),
    marks: db.collection(ROLLUP_COLLECTIONS.marks),
    sites: db.collection(ROLLUP_COLLECTIONS.sites),
    userSlots: db.collection(ROLLUP_COLLECTIONS.userSlots),
    states: db.collection(ROLLUP_COLLECTIONS.states),
    editions: db.collection(ROLLUP_COLLECTIONS.states),
    readOptions,
  };
}
