import { toBucketKey } from '@analytics/rollups/calendar';
import { toBucket } from '@analytics/rollups/countsReader';
import { type CountsDocument, type DimensionValue, TOTAL_DIMENSION } from '@analytics/rollups/documents';
import type { FilterQuery } from '@analytics/shared/statsQuery';
import { createPace } from '../pace.ts';
import { estimateValueBytes } from '../reportMemory.ts';
import type { ReportSource } from '../reportSource.ts';
import type { Span } from '../timeRange.ts';
import { type Coverage, cover } from './coverage.ts';
import { type FilterDimension, findFilterDimension } from './filterDimension.ts';
import type { CountsScan } from './rollupReader.ts';
import type { RollupSnapshot } from './rollupSnapshot.ts';

export interface ScanQuestion {
  filters: FilterQuery;
  span: Span;
  dimension: string;
}

/** What rollups know of the values of a dimension. */
export interface ValuesScan {
  coverage: Coverage;
  /** The views of each value that passes the filters. */
  views: Map<DimensionValue, number>;
  documents: CountsScan;
}

/**
 * Adds up the views of each value in the usable buckets. Which of them have too many values to be usable
 * turns out by reading.
 *
 * @throws RollupChangedError, RollupUnreadableError
 * @throws MemoryShortError, TooManyValuesError
 */
export async function scanValues(
  source: ReportSource,
  snapshot: RollupSnapshot,
  { filters, span, dimension }: ScanQuestion,
): Promise<ValuesScan> {
  const filter = findFilterDimension(filters);
  const unusable = new Set<string>();
  for (;;) {
    const known = unusable.size;
    const coverage = cover(span, (bucket) => snapshot.isFresh(bucket) && !unusable.has(toBucketKey(bucket)));
    const documents = snapshot.counts.scan(dimension, coverage.buckets);
    const sum = createSum(source, snapshot, filter);
    for await (const document of documents.readAll()) {
      if (document.has_too_many_values) {
        unusable.add(toBucketKey(toBucket(document._id)));
      } else if (unusable.size === known) {
        await sum.add(document);
      }
    }
    if (unusable.size === known) {
      return { coverage, views: sum.views, documents };
    }
    sum.free();
  }
}

function createSum(
  { signal }: ReportSource,
  { memory }: RollupSnapshot,
  filter: FilterDimension | undefined,
) {
  const views = new Map<DimensionValue, number>();
  const passes = filter && filter.dimension !== TOTAL_DIMENSION ? filter.passes : () => true;
  const pace = createPace(signal);
  let bytes = 0;

  function addValue(value: DimensionValue, more: number): void {
    const before = views.get(value);
    if (before === undefined) {
      const valueBytes = estimateValueBytes(value);
      memory.take(valueBytes);
      bytes += valueBytes;
    }
    views.set(value, (before ?? 0) + more);
  }

  return {
    views,
    add: async (document: CountsDocument) => {
      for (const [index, value] of document.values.entries()) {
        if (passes(value)) {
          addValue(value, document.views[index] ?? 0);
        }
      }
      if (pace.isDue()) {
        await pace.rest();
      }
    },
    free: () => memory.give(bytes),
  };
}
