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

/** The most values of one dimension in one bucket that are rolled up; a bucket with more is counted from what is smaller. */
export const MAX_VALUES = 100_000;

/** What a value takes of memory beside its text and its users, with its place in a map, and while it is written. */
const ROW_BYTES = 256;

/** A code unit of a text takes at most this much. */
const UNIT_BYTES = 2;

/** The most users that wait outside of one bitmap, and about the most outside of all that share a limit. */
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
  /** What the rows take of memory, about. */
  readonly bytes: number;
  /** Adds views of a value by users, who may be named more than once; anonymous ones are in the views only. */
  add(value: DimensionValue, views: number, users: readonly number[]): void;
  /** Adds what was counted elsewhere, its users as an encoded set. */
  addEncoded(value: DimensionValue, views: number, users: Uint8Array): void;
  /** Takes a copy of what was counted elsewhere for a value that is new. */
  addCopy(value: DimensionValue, count: ValueCount): void;
  /** Gives up: there are too many values. */
  overflow(): void;
  /** Frees the sets of users. */
  dispose(): void;
}

/** How many users may wait outside of a bitmap: the fewer, the more bitmaps there are. */
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
  /** What the users were last found to take. */
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
