import type { DimensionValue } from '@analytics/shared/rollup/rollupCollections';
import {
  addEncoded,
  addUsers,
  copyUsers,
  disposeUsers,
  isMany,
  measureUsers,
  NO_USERS,
  type ValueUsers,
} from './valueUsers.ts';

/**
 * The most values of one dimension in one bucket that are rolled up; a bucket with more is counted from what
 * is smaller.
 */
export const MAX_VALUES = 100_000;

/**
 * The memory of a value without its text and its users, including its map entry and its place in the sorted
 * rows.
 */
const ROW_BYTES = 256;

/** The most that a UTF-16 code unit takes of memory. */
const UNIT_BYTES = 2;

/** The most users that are buffered for one bitmap, and about the most for all bitmaps that share a limit. */
const MAX_PENDING_USERS_OF_ONE = 10_000;
const MAX_PENDING_USERS = 500_000;

export interface ValueCount {
  readonly views: number;
  readonly users: ValueUsers;
}

/** The counts of one dimension in one bucket. */
export interface ValueCounts {
  readonly rows: ReadonlyMap<DimensionValue, ValueCount>;
  readonly hasTooManyValues: boolean;
  /** The memory that the rows take, estimated. */
  readonly bytes: number;
  /**
   * Adds views of a value by users, who may be named more than once; anonymous ones are in the views only.
   */
  add(value: DimensionValue, views: number, users: readonly number[]): void;
  /** Adds what was counted elsewhere, its users as an encoded set. */
  addEncoded(value: DimensionValue, views: number, users: Uint8Array): void;
  /** Adds a new value with a copy of what was counted elsewhere. */
  addCopy(value: DimensionValue, count: ValueCount): void;
  /** Throws the rows away and takes no more: there are too many values. */
  overflow(): void;
  /** Frees the sets of users. */
  dispose(): void;
}

/** How many users may be buffered for a bitmap: the fewer, the more bitmaps there are. */
export interface PendingLimit {
  readonly maxPending: number;
  addBitmap(): void;
}

export function createPendingLimit(): PendingLimit {
  let bitmaps = 0;
  let maxPending = MAX_PENDING_USERS_OF_ONE;
  return {
    get maxPending() {
      return maxPending;
    },
    addBitmap: () => {
      bitmaps += 1;
      maxPending = Math.min(MAX_PENDING_USERS_OF_ONE, MAX_PENDING_USERS / bitmaps);
    },
  };
}

interface Row {
  views: number;
  users: ValueUsers;
  /** The size of the users when they were last measured. */
  userBytes: number;
}

export function createValueCounts(limit = createPendingLimit()): ValueCounts {
  const rows = new Map<DimensionValue, Row>();
  let hasTooManyValues = false;
  let bytes = 0;

  function findRow(value: DimensionValue): Row | undefined {
    const found = rows.get(value);
    if (found || hasTooManyValues) {
      return found;
    }
    if (rows.size >= MAX_VALUES) {
      overflow();
      return undefined;
    }
    const row = { views: 0, users: NO_USERS, userBytes: 0 };
    rows.set(value, row);
    bytes += ROW_BYTES + (typeof value === 'string' ? UNIT_BYTES * value.length : 0);
    return row;
  }

  function setUsers(row: Row, users: ValueUsers): void {
    if (users !== row.users && isMany(users)) {
      limit.addBitmap();
    }
    row.users = users;
    const userBytes = measureUsers(users);
    bytes += userBytes - row.userBytes;
    row.userBytes = userBytes;
  }

  function overflow(): void {
    hasTooManyValues = true;
    dispose();
  }

  function dispose(): void {
    for (const { users } of rows.values()) {
      disposeUsers(users);
    }
    rows.clear();
    bytes = 0;
  }

  return {
    rows,
    get hasTooManyValues() {
      return hasTooManyValues;
    },
    get bytes() {
      return bytes;
    },
    add: (value, views, users) => {
      const row = findRow(value);
      if (row) {
        row.views += views;
        setUsers(row, addUsers(row.users, users, limit.maxPending));
      }
    },
    addEncoded: (value, views, users) => {
      const row = findRow(value);
      if (row) {
        row.views += views;
        setUsers(row, addEncoded(row.users, users, limit.maxPending));
      }
    },
    addCopy: (value, { views, users }) => {
      const row = findRow(value);
      if (row) {
        row.views += views;
        setUsers(row, copyUsers(users));
      }
    },
    overflow,
    dispose,
  };
}
