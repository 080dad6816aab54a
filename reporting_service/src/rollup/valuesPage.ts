import type { DimensionValue } from '@analytics/rollups/documents';
import { createPace } from '../pace.ts';
import type { ReportSource } from '../reportSource.ts';
import { takeFirst } from '../takeFirst.ts';
import { compareValues } from './compareValues.ts';
import type { RollupSnapshot } from './rollupSnapshot.ts';
import { TooManyValuesError } from './tooManyValues.ts';

/** Check the clock after this many values. */
const VALUES_PER_LOOK = 256;

/**
 * The estimated size of a value that is put in order: its row, and its place in a list that doubles when it
 * grows.
 */
const ORDERED_VALUE_BYTES = 150;

/** The end of the last page that is put in order here. */
const MAX_ORDERED_VALUES = 100_000;

export interface PageQuestion {
  limit: number;
  offset: number;
  /** Only values that contain this text. */
  search?: string | undefined;
}

type ValueAndViews = [DimensionValue, number];

function compareRows([a, viewsOfA]: ValueAndViews, [b, viewsOfB]: ValueAndViews): number {
  return viewsOfB - viewsOfA || compareValues(a, b);
}

/**
 * Puts one page of the values in order: most views first, ties by value.
 *
 * @throws TooManyValuesError if the page ends behind too many values.
 */
export async function turnToPage(
  { signal }: ReportSource,
  { memory }: RollupSnapshot,
  views: ReadonlyMap<DimensionValue, number>,
  { limit, offset, search }: PageQuestion,
) {
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
      if (seen % VALUES_PER_LOOK === 0 && pace.isDue()) {
        await pace.rest();
      }
    }
  }

  let total = 0;
  await forEachFound(() => {
    total += 1;
  });
  const end = Math.min(offset + limit, total);
  if (end > MAX_ORDERED_VALUES && offset < total) {
    throw new TooManyValuesError(`The page ends behind ${MAX_ORDERED_VALUES} values.`);
  }
  let page: ValueAndViews[] = [];
  if (offset < total) {
    const first = takeFirst(end, compareRows);
    memory.take(end * ORDERED_VALUE_BYTES);
    await forEachFound(first.add);
    page = first.takeLast(end - offset);
    memory.give(end * ORDERED_VALUE_BYTES);
  }
  let allViews = 0;
  for (const each of views.values()) {
    allViews += each;
  }
  return { page, total, allViews };
}
