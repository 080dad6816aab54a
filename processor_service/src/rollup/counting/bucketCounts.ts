import { type DimensionValue, QUARTER_HOUR_DIMENSION, TOTAL_DIMENSION } from '@analytics/rollups/documents';
import { isPropertyDimension } from '@analytics/shared/event/dimensions';
import { createPendingLimit, createValueCounts, type ValueCounts } from './valueCounts.ts';

/**
 * The memory budget of the counts of one bucket, over all dimensions: some 150,000 values of ordinary length.
 * Reports would have to add up more values than that, too, and count them faster from events.
 */
const MAX_BUCKET_BYTES = 48 * 1024 * 1024;

/** Never overflow: they have four values at most. */
const ALWAYS_KEPT = new Set([TOTAL_DIMENSION, QUARTER_HOUR_DIMENSION]);

/** Events with the same value in every dimension. */
interface CodedGroup {
  /** By dimension. A missing dimension has the value null. */
  values: ReadonlyMap<string, DimensionValue>;
  views: number;
  /** User codes, in any order and with repetitions. */
  users: readonly number[];
}

/** The counts of one bucket in every dimension of its events. */
export interface BucketCounts {
  /** By dimension, including the totals. */
  readonly dimensions: ReadonlyMap<string, ValueCounts>;
  /** The estimated memory of all dimensions when the budget was last checked. */
  readonly bytes: number;
  /** Counts events in every dimension. */
  add(group: CodedGroup): void;
  /** The counts of one dimension, to which the caller adds. */
  open(dimension: string): ValueCounts;
  /**
   * Lets the largest dimensions overflow until the others fit the budget. Call it after adding to a
   * dimension.
   */
  keepBudget(): void;
  /** Frees the bitmaps. */
  dispose(): void;
}

export interface BucketCountsOptions {
  /** Returns whether a new dimension is counted. */
  registerDimension: (dimension: string) => boolean;
  maxBytes?: number | undefined;
}

export function createBucketCounts({
  registerDimension,
  maxBytes = MAX_BUCKET_BYTES,
}: BucketCountsOptions): BucketCounts {
  const dimensions = new Map<string, ValueCounts>();
  const limit = createPendingLimit();
  let bytes = 0;

  function open(dimension: string): ValueCounts {
    const counts = dimensions.get(dimension) ?? createValueCounts(limit);
    dimensions.set(dimension, counts);
    return counts;
  }

  const totals = open(TOTAL_DIMENSION);

  /** The events before the first one with the dimension have the value null. */
  function addDimension(dimension: string): void {
    const counts = open(dimension);
    const soFar = totals.rows.get(null);
    if (soFar) {
      counts.addCopy(null, soFar);
    }
  }

  function sumBytes(): number {
    let sum = 0;
    for (const counts of dimensions.values()) {
      sum += counts.bytes;
    }
    return sum;
  }

  function keepBudget(): void {
    for (bytes = sumBytes(); bytes > maxBytes; bytes = sumBytes()) {
      const largest = findLargest(dimensions);
      if (largest === undefined) {
        return;
      }
      largest.overflow();
    }
  }

  return {
    dimensions,
    get bytes() {
      return bytes;
    },
    add: ({ values, views, users }) => {
      for (const dimension of values.keys()) {
        if (!dimensions.has(dimension) && registerDimension(dimension)) {
          addDimension(dimension);
        }
      }
      for (const [dimension, counts] of dimensions) {
        counts.add(values.get(dimension) ?? null, views, users);
      }
      keepBudget();
    },
    open,
    keepBudget,
    dispose: () => {
      for (const counts of dimensions.values()) {
        counts.dispose();
      }
    },
  };
}

/**
 * The dimension that overflows next. Among equally large ones it is a property, because fewer reports ask for
 * those.
 */
function findLargest(dimensions: ReadonlyMap<string, ValueCounts>): ValueCounts | undefined {
  let largest: ValueCounts | undefined;
  for (const [dimension, counts] of dimensions) {
    const most = largest?.bytes ?? 0;
    const isLarger = isPropertyDimension(dimension) ? counts.bytes >= most : counts.bytes > most;
    if (isLarger && counts.bytes > 0 && !ALWAYS_KEPT.has(dimension)) {
      largest = counts;
    }
  }
  return largest;
}
