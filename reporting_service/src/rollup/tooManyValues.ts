/**
 * Rollups have more for an answer than can be added up here. `withSnapshot` answers from events: MongoDB adds
 * up.
 */
export class TooManyValuesError extends Error {
  override name = 'TooManyValuesError';
}

/**
 * The most bitmaps that are united for one report. A small one takes 1 to 26 microseconds, a large one more.
 */
const MAX_BITMAPS = 200_000;

/** @throws TooManyValuesError */
export function assertBitmapLimit(count: number): void {
  if (count > MAX_BITMAPS) {
    throw new TooManyValuesError(`More than ${MAX_BITMAPS} bitmaps of users would have to be united.`);
  }
}
