import { type Bucket, type TimeSpan, toBucketKey } from '@analytics/rollups/calendar';
import { TOTAL_DIMENSION } from '@analytics/rollups/documents';
import type { Freshness } from '@analytics/rollups/freshness';
import type { Filters } from '@analytics/shared/event/dimensions';
import { type Coverage, cover, excludeBuckets, usesRollups, withoutPartialHours } from './coverage.ts';
import { findRowFilter, type RowFilter } from './rowFilter.ts';

/** The events and the groups that a report counts. */
export interface Question {
  site_id: string;
  filters: Filters;
  /** The time that rollups may cover. */
  span: TimeSpan;
  /** The time of the events to match. Undefined: all time. */
  eventSpan: TimeSpan | undefined;
  /** Count each interval. They follow each other without a gap, the earliest first. */
  intervals?: readonly TimeSpan[];
  /** Count each value of a dimension. */
  values?: ValueGrouping;
}

export interface ValueGrouping {
  dimension: string;
  limit: number;
  offset: number;
  /** Only values that contain this text. */
  search?: string | undefined;
  /** Whether to count the users of each value. */
  withUsers: boolean;
}

/** Buckets that rollups cannot answer although they are fresh. */
export interface Exclusions {
  /** The keys of buckets that cannot be read, in no dimension. */
  unreadable: Set<string>;
  /** By dimension, the keys of buckets with too many values. */
  overflowed: Map<string, Set<string>>;
}

export type AnswerSource = 'live' | 'rollup' | 'mixed';

/** Which sources answer a question. */
export type ReadPlan =
  | { source: 'live' }
  | {
      source: 'rollup' | 'mixed';
      filter: RowFilter;
      /** One for each interval. */
      intervals: Coverage[];
      /** Present if the question has values. */
      values?: Coverage;
    };

/**
 * Decides which parts of a question rollups answer. The rules:
 *
 * - Rollups need a complete backfill, and filters on one dimension at most.
 * - Intervals are counted from the dimension of the filter. Only the totals know the quarters of an hour.
 * - Values are counted from their own dimension, so a filter must be on the same one. Of a site with very
 *   many properties, some have no rollups.
 * - If rollups answer nothing of a part, all of that part is read from events.
 */
export function planReads(
  { site_id: _, filters, span, intervals = [], values }: Question,
  freshness: Freshness | undefined,
  { unreadable, overflowed }: Exclusions,
): ReadPlan {
  const filter = findRowFilter(filters);
  if (freshness === undefined || filter === undefined || (values && !hasRollups(freshness, filter, values))) {
    return { source: 'live' };
  }
  const isFresh = (bucket: Bucket) => freshness.isFresh(bucket) && !unreadable.has(toBucketKey(bucket));
  const isOne = intervals.length === 1 && isSame(intervals[0], span);
  const whole = values || isOne ? cover(span, isFresh) : undefined;
  const planDimension = (dimension: string, coverage: Coverage) => {
    const keys = overflowed.get(dimension);
    const usable = keys
      ? excludeBuckets(coverage, isFresh, (bucket) => keys.has(toBucketKey(bucket)))
      : coverage;
    return dimension === TOTAL_DIMENSION ? usable : withoutPartialHours(usable);
  };
  const ofIntervals = intervals.map((interval) =>
    planDimension(filter.dimension, isOne && whole ? whole : cover(interval, isFresh)),
  );
  const ofValues = values && whole && planDimension(values.dimension, whole);
  const source = describeSource([...ofIntervals, ...(ofValues ? [ofValues] : [])]);
  return source === 'live' || (ofValues && ofValues.buckets.length === 0)
    ? { source: 'live' }
    : { source, filter, intervals: ofIntervals, ...(ofValues && { values: ofValues }) };
}

function hasRollups({ site }: Freshness, filter: RowFilter, { dimension }: ValueGrouping): boolean {
  const isKnown = site === undefined || site.dimensions.includes(dimension) || !site.has_more_dimensions;
  return isKnown && (filter.dimension === TOTAL_DIMENSION || filter.dimension === dimension);
}

/** No events at all counts as rollups: their freshness says that there are none. */
function describeSource(coverages: readonly Coverage[]): AnswerSource {
  const hasLive = coverages.some(({ liveSpans }) => liveSpans.length > 0);
  return hasLive ? (coverages.some(usesRollups) ? 'mixed' : 'live') : 'rollup';
}

function isSame(a: TimeSpan | undefined, b: TimeSpan): boolean {
  return a?.startMs === b.startMs && a.endMs === b.endMs;
}
