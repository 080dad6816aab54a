import type { DimensionValue } from '@analytics/shared/rollup/rollupCollections';
import { addEncodedUsers, createUserSet, type UserSet } from '@analytics/shared/rollup/userSet';

/** The most values of one dimension in one bucket that are rolled up; a bucket with more is counted from what is smaller. */
export const MAX_VALUES = 100_000;

export interface ValueCount {
  readonly views: number;
  readonly users: UserSet;
}

/** The counts of one dimension in one bucket. */
export interface ValueCounts {
  readonly rows: ReadonlyMap<DimensionValue, ValueCount>;
  readonly hasTooManyValues: boolean;
  /** Adds views of a value by users, who may be named more than once; anonymous ones are in the views only. */
  add(value: DimensionValue, views: number, users: readonly number[]): void;
  /** Adds what was counted elsewhere, its users as an encoded set. */
  addEncoded(value: DimensionValue, views: number, users: Uint8Array): void;
  /** Gives up: there are too many values. */
  overflow(): void;
  /** Frees the sets of users. */
  dispose(): void;
}

interface Row extends ValueCount {
  views: number;
  addUsers(users: readonly number[]): void;
}

export function createValueCounts(maxValues = MAX_VALUES): ValueCounts {
  const rows = new Map<DimensionValue, Row>();
  let hasTooManyValues = false;

  function findRow(value: DimensionValue): Row | undefined {
    const found = rows.get(value);
    if (found || hasTooManyValues) {
      return found;
    }
    if (rows.size >= maxValues) {
      overflow();
      return undefined;
    }
    const row = createRow();
    rows.set(value, row);
    return row;
  }

  function overflow(): void {
    hasTooManyValues = true;
    dispose();
  }

  function dispose(): void {
    for (const { users } of rows.values()) {
      users.dispose();
    }
    rows.clear();
  }

  return {
    rows,
    get hasTooManyValues() {
      return hasTooManyValues;
    },
    add: (value, views, users) => {
      const row = findRow(value);
      if (row) {
        row.views += views;
        row.addUsers(users);
      }
    },
    addEncoded: (value, views, users) => {
      const row = findRow(value);
      if (row) {
        row.views += views;
        addEncodedUsers(row.users, users);
      }
    },
    overflow,
    dispose,
  };
}

/** Each call into WebAssembly costs as much as some hundred users, so that they are handed over many at a time. */
const MAX_PENDING_USERS = 10_000;

function createRow(): Row {
  const set = createUserSet();
  let pending: number[] = [];
  const handOver = () => {
    if (pending.length > 0) {
      // In their order they go to one part of the bitmap after another.
      set.addMany(Uint32Array.from(pending).sort());
      pending = [];
    }
  };
  return {
    views: 0,
    get users() {
      handOver();
      return set;
    },
    addUsers: (users) => {
      for (const user of users) {
        pending.push(user);
      }
      if (pending.length >= MAX_PENDING_USERS) {
        handOver();
      }
    },
  };
}
