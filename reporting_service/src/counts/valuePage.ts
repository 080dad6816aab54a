import type { DimensionValue } from '@analytics/rollups/documents';
import { createPace } from '../database/pace.ts';
import { TooLargeError } from '../database/reportMemory.ts';
import type { ValueGrouping } from '../planner/planReads.ts';
import type { RollupSource } from '../sources/rollups/rollupSource.ts';
import { compareValues } from './compareValues.ts';
import { createTopK } from './topK.ts';

/** Check the clock after this many values. */
const VALUES_PER_CHECK = 256;

/** The estimated memory of a sorted value: its row, and its entry in a list that doubles when it grows. */
const SORTED_VALUE_BYTES = 150;

/** MongoDB sorts deeper pages. */
const MAX_SORTED_VALUES = 100_000;

type ValueAndViews = [DimensionValue, number];

function compareRows([a, viewsOfA]: ValueAndViews, [b, viewsOfB]: ValueAndViews): number {
  return viewsOfB - viewsOfA || compareValues(a, b);
}

/**
 * Selects one page of the values: most views first, ties by value.
 *
 * @throws TooLargeError if the page is too deep.
 */
export async function selectPage(
  { signal, memory }: RollupSource,
  views: ReadonlyMap<DimensionValue, number>,
  { limit, offset, search }: ValueGrouping,
): Promise<{ page: ValueAndViews[]; total: number; allViews: number }> {
  const isFound = (value: DimensionValue) =>
    search === undefined || (typeof value === 'string' && value.includes(search));
  const pace = createPace(signal);
  async function forEachFound(use: (row: ValueAndViews) => void): Promise<void> {
    let seen = 0;
    for (const row of views) {
      if (isFound(row[0])) {
        use(row);
      }
      seen += 1;
      if (seen % VALUES_PER_CHECK === 0 && pace.isDue()) {
        await pace.rest();
      }
    }
  }

  let total = 0;
  await forEachFound(() => {
    total += 1;
  });
  const end = Math.min(offset + limit, total);
  if (end > MAX_SORTED_VALUES && offset < total) {
    throw new TooLargeError(`The page ends after more than ${MAX_SORTED_VALUES} values.`);
  }
  let page: ValueAndViews[] = [];
  if (offset < total) {
    const first = createTopK(end, compareRows);
    memory.take(end * SORTED_VALUE_BYTES);
    await forEachFound(first.add);
    page = first.takeLast(end - offset);
    memory.give(end * SORTED_VALUE_BYTES);
  }
  let allViews = 0;
  for (const each of views.values()) {
    allViews += each;
  }
  return { page, total, allViews };
}
