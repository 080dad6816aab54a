import type { DimensionValue } from '@analytics/shared/rollup/rollupCollections';
import { addEncodedUsers, createUserSet, type UserSet } from '@analytics/shared/rollup/userSet';

/** The most values of one dimension in one bucket that are rolled up; a bucket with more is counted from what is smaller. */
export const MAX_VALUES = 100_000;

export interface ValueCount {
  views: number;
  users: UserSet;
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

export function createValueCounts(maxValues = MAX_VALUES): ValueCounts {
  const rows = new Map<DimensionValue, ValueCount>();
  let hasTooManyValues = false;

  function findRow(value: DimensionValue): ValueCount | undefined {
    const found = rows.get(value);
    if (found || hasTooManyValues) {
      return found;
    }
    if (rows.size >= maxValues) {
      overflow();
      return undefined;
    }
    const row = { views: 0, users: createUserSet() };
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
        row.users.addMany(users);
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
