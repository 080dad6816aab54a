import { TooLargeError } from '../../database/reportMemory.ts';

/**
 * The most bitmaps that are united for one report. A small one takes 1 to 26 microseconds, a large one more.
 */
const MAX_BITMAPS = 200_000;

/** @throws TooLargeError */
export function assertBitmapLimit(count: number): void {
  if (count > MAX_BITMAPS) {
    throw new TooLargeError(`More than ${MAX_BITMAPS} bitmaps of users would have to be united.`);
  }
}
