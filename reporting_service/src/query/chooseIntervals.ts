import { cutIntoIntervals, estimateIntervals, type IntervalSpan } from './intervals.ts';
import { INTERVALS, type Interval } from './parameters.ts';
import { createQueryError } from './reportQuery.ts';
import type { DayRange } from './timeRange.ts';

/** The most intervals of one series: 83 days of hours, five years of days. */
const MAX_INTERVALS = 2000;

/** A range that certainly has an interval that fits, as `from` and `to` allow. */
const SHORTER_RANGE = 'ask for a range of at most ten years with from and to';

export interface SeriesIntervals {
  interval: Interval;
  spans: IntervalSpan[];
}

/**
 * Cuts local days into the intervals of a series.
 *
 * @param candidates The intervals to choose from, the preferred first.
 * @throws ProblemError 400 if all of them would make more than MAX_INTERVALS; it names an interval that fits.
 */
export function chooseIntervals(
  days: DayRange,
  tz: string,
  candidates: readonly Interval[],
): SeriesIntervals {
  const chosen = findFitting(days, tz, candidates);
  if (chosen) {
    return chosen;
  }
  const other = findFitting(days, tz, INTERVALS)?.interval;
  const [asked = 'month'] = candidates;
  const advice = other ? `use interval=${other}` : SHORTER_RANGE;
  const message = `must not be ${asked} here, which would make more than ${MAX_INTERVALS} intervals; ${advice}`;
  throw createQueryError([{ field: 'interval', message }]);
}

function findFitting(
  days: DayRange,
  tz: string,
  candidates: readonly Interval[],
): SeriesIntervals | undefined {
  for (const interval of candidates) {
    // Estimated first: millions of intervals would have to be made only to be thrown away.
    if (estimateIntervals(days, interval) <= 2 * MAX_INTERVALS) {
      const spans = cutIntoIntervals(days, interval, tz);
      if (spans.length <= MAX_INTERVALS) {
        return { interval, spans };
      }
    }
  }
  return undefined;
}
