import { toBucketKey } from '@analytics/rollups/calendar';
import { toBucket } from '@analytics/rollups/countsReader';
import { type CountsDocument, type DimensionValue, TOTAL_DIMENSION } from '@analytics/rollups/documents';
import { createBitmapRefs, type UserBitmapRef } from '@analytics/rollups/userBitmapReader';
import { createPace } from '../../database/pace.ts';
import { estimateValueBytes } from '../../database/reportMemory.ts';
import type { Coverage } from '../../planner/coverage.ts';
import type { RowFilter } from '../../planner/rowFilter.ts';
import { assertBitmapLimit } from './bitmapLimit.ts';
import type { CountsScan } from './heldCounts.ts';
import type { RollupOutcome, RollupSource } from './rollupSource.ts';

/** The values of a dimension, as far as rollups cover the span. */
export interface ValuesPart {
  /** The views of each value that matches the filter. */
  views: Map<DimensionValue, number>;
  scan: CountsScan;
}

/**
 * Adds up the views of each value of a dimension.
 *
 * @throws RollupChangedError, RollupUnreadableError, MemoryShortError, TooLargeError
 */
export async function readValues(
  { signal, counts, memory }: RollupSource,
  filter: RowFilter,
  dimension: string,
  { buckets }: Coverage,
): Promise<RollupOutcome<ValuesPart>> {
  const scan = counts.scan(dimension, buckets);
  const matches = filter.dimension === TOTAL_DIMENSION ? () => true : filter.matches;
  const views = new Map<DimensionValue, number>();
  const overflowed = new Set<string>();
  const pace = createPace(signal);
  let bytes = 0;
  for await (const document of scan.readAll()) {
    if (document.has_too_many_values) {
      overflowed.add(toBucketKey(toBucket(document._id)));
    } else if (overflowed.size === 0) {
      bytes += addViews(views, document, matches, (more) => memory.take(more));
    }
    if (pace.isDue()) {
      await pace.rest();
    }
  }
  if (overflowed.size > 0) {
    memory.give(bytes);
    return { ok: false, dimension, overflowed: [...overflowed] };
  }
  return { ok: true, value: { views, scan } };
}

/** Returns the memory that the new values take. */
function addViews(
  views: Map<DimensionValue, number>,
  document: CountsDocument,
  matches: RowFilter['matches'],
  takeMemory: (bytes: number) => void,
): number {
  let bytes = 0;
  for (const [index, value] of document.values.entries()) {
    if (matches(value)) {
      const before = views.get(value);
      if (before === undefined) {
        const more = estimateValueBytes(value);
        takeMemory(more);
        bytes += more;
      }
      views.set(value, (before ?? 0) + (document.views[index] ?? 0));
    }
  }
  return bytes;
}

/**
 * Finds the bitmaps of each of some values.
 *
 * @throws RollupChangedError, RollupUnreadableError, TooLargeError
 */
export async function findUsersOfValues(
  { signal }: RollupSource,
  scan: CountsScan,
  values: readonly DimensionValue[],
): Promise<UserBitmapRef[][]> {
  const refs = values.map((): UserBitmapRef[] => []);
  const indexes = new Map(values.map((value, index) => [value, index]));
  const pace = createPace(signal);
  let found = 0;
  for await (const document of scan.readWith(values)) {
    const toRef = createBitmapRefs(document);
    for (const [index, value] of document.values.entries()) {
      const ofValue = refs[indexes.get(value) ?? Number.NaN];
      if (ofValue) {
        ofValue.push(toRef(index));
        found += 1;
      }
    }
    assertBitmapLimit(found);
    if (pace.isDue()) {
      await pace.rest();
    }
  }
  return refs;
}
