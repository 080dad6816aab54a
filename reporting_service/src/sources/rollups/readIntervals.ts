import { type Bucket, toBucketKey } from '@analytics/rollups/calendar';
import { type CountsDocument, QUARTER_HOUR_DIMENSION } from '@analytics/rollups/documents';
import { createBitmapRefs, type UserBitmapRef } from '@analytics/rollups/userBitmapReader';
import { createPace } from '../../database/pace.ts';
import type { Coverage } from '../../planner/coverage.ts';
import type { RowFilter } from '../../planner/rowFilter.ts';
import { assertBitmapLimit } from './bitmapLimit.ts';
import type { RollupOutcome, RollupSource } from './rollupSource.ts';

/** The counts of one interval, as far as rollups cover it. */
export interface IntervalPart {
  views: number;
  users: UserBitmapRef[];
}

/**
 * Reads the counts of intervals, one coverage for each.
 *
 * @throws RollupChangedError, RollupUnreadableError, MemoryShortError, TooLargeError
 */
export async function readIntervals(
  { signal, counts }: RollupSource,
  { dimension, matches }: RowFilter,
  coverages: readonly Coverage[],
): Promise<RollupOutcome<IntervalPart[]>> {
  const buckets = coverages.flatMap((coverage) => coverage.buckets);
  const ofBuckets = await counts.read(dimension, buckets);
  const overflowed = [...ofBuckets].filter(([, [first]]) => first?.has_too_many_values).map(([key]) => key);
  if (overflowed.length > 0) {
    return { ok: false, dimension, overflowed };
  }
  const ofQuarters = await counts.read(QUARTER_HOUR_DIMENSION, listPartialHours(coverages));
  const pace = createPace(signal);
  const parts: IntervalPart[] = [];
  let bitmaps = 0;
  for (const coverage of coverages) {
    const part: IntervalPart = { views: 0, users: [] };
    for (const bucket of coverage.buckets) {
      addRows(part, ofBuckets.get(toBucketKey(bucket)), matches);
      assertBitmapLimit(bitmaps + part.users.length);
      if (pace.isDue()) {
        await pace.rest();
      }
    }
    for (const { hour, firstQuarter, lastQuarter } of coverage.partialHours) {
      addRows(
        part,
        ofQuarters.get(toBucketKey(hour)),
        (quarter) => Number(quarter) >= firstQuarter && Number(quarter) <= lastQuarter,
      );
    }
    bitmaps += part.users.length;
    parts.push(part);
  }
  return { ok: true, value: parts };
}

/** Two intervals may share an hour. */
function listPartialHours(coverages: readonly Coverage[]): Bucket[] {
  const hours = new Map<string, Bucket>();
  for (const { hour } of coverages.flatMap(({ partialHours }) => partialHours)) {
    hours.set(toBucketKey(hour), hour);
  }
  return [...hours.values()];
}

function addRows(
  part: IntervalPart,
  documents: readonly CountsDocument[] = [],
  matches: RowFilter['matches'],
): void {
  for (const document of documents) {
    const toRef = createBitmapRefs(document);
    for (const [index, value] of document.values.entries()) {
      if (matches(value)) {
        part.views += document.views[index] ?? 0;
        part.users.push(toRef(index));
      }
    }
  }
}
