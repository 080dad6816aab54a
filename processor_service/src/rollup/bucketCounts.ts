import { type DimensionValue, TOTALS } from '@analytics/shared/rollup/rollupCollections';
import { encodeUserSet } from '@analytics/shared/rollup/userSet';
import { createValueCounts, type ValueCounts } from './valueCounts.ts';

/** Events that have the same value in every dimension. */
export interface EventGroup {
  /** By dimension. A dimension that is absent has the value null. */
  values: ReadonlyMap<string, DimensionValue>;
  views: number;
  /** The users' numbers, each once or more often. */
  users: readonly number[];
}

/** The counts of one bucket in every dimension that its events have. */
export interface BucketCounts {
  /** By dimension, the totals among them. */
  readonly dimensions: ReadonlyMap<string, ValueCounts>;
  add(group: EventGroup): void;
  /** Frees the sets of users. */
  dispose(): void;
}

/** `admit` says whether a dimension that is met for the first time is to be counted. */
export function createBucketCounts(admit: (dimension: string) => boolean): BucketCounts {
  const dimensions = new Map<string, ValueCounts>();
  const totals = createValueCounts();
  dimensions.set(TOTALS, totals);

  /** What was counted before a dimension was met for the first time did not have it. */
  function addDimension(dimension: string): void {
    const counts = createValueCounts();
    const soFar = totals.rows.get(null);
    if (soFar) {
      counts.addEncoded(null, soFar.views, encodeUserSet(soFar.users));
    }
    dimensions.set(dimension, counts);
  }

  return {
    dimensions,
    add: ({ values, views, users }) => {
      for (const dimension of values.keys()) {
        if (!dimensions.has(dimension) && admit(dimension)) {
          addDimension(dimension);
        }
      }
      for (const [dimension, counts] of dimensions) {
        counts.add(values.get(dimension) ?? null, views, users);
      }
    },
    dispose: () => {
      for (const counts of dimensions.values()) {
        counts.dispose();
      }
    },
  };
}
