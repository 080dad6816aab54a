import type { DimensionValue } from '@analytics/rollups/documents';
import {
  addEncoded,
  addUsers,
  copyUsers,
  disposeUsers,
  isBitmap,
  measureUsers,
  NO_USERS,
  type ValueUsers,
} from './valueUsers.ts';

/**
 * The most values of one dimension in one bucket. Reports on a bucket with more read its smaller buckets, or
 * events.
 */
const MAX_VALUES = 100_000;

/**
 * The memory of a value without its text and its users, including its entries in the map and in the sorted
 * rows.
 */
const ROW_BYTES = 256;

/** The most memory of a UTF-16 code unit. */
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
  /** The estimated memory of the rows. */
  readonly bytes: number;
  /** Adds views of a value by users, in any order and with repetitions. Anonymous views have no user. */
  add(value: DimensionValue, views: number, users: readonly number[]): void;
  /** Adds counts whose users are an encoded bitmap. */
  addEncoded(value: DimensionValue, views: number, users: Uint8Array): void;
  /** Adds a new value with a copy of other counts. */
  addCopy(value: DimensionValue, count: ValueCount): void;
  /** Drops the rows and accepts no more: there are too many values. */
  overflow(): void;
  /** Frees the bitmaps. */
  dispose(): void;
}

/** How many users may be buffered for each bitmap. The more bitmaps, the fewer users. */
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
    if (users !== row.users && isBitmap(users)) {
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
