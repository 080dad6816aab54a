import type { PropertyValue } from './event/eventProperties.ts';
import type { Interval } from './statsQuery.ts';

export interface PathViews {
  path: string;
  views: number;
}

/** The answer of `GET /stats`. */
export interface SiteStats {
  site_id: string;
  /** The day as YYYY-MM-DD, or null if it was not asked by one. */
  date: string | null;
  total_views: number;
  /** Distinct users; anonymous views count in `total_views` only. */
  unique_users: number;
  /** Most views first, ties by path in the order of its UTF-8 bytes. */
  top_paths: PathViews[];
}

/** What it adds when it was asked for a range. */
export interface SiteStatsRange {
  /** The first day, or null for all time. */
  from: string | null;
  /** The last day. */
  to: string | null;
  tz: string;
}

/** What the numbers of an answer are of. */
export interface ReportMeta {
  site_id: string;
  /** The first moment of the range, in its zone with the offset; null for all time. */
  from: string | null;
  /** The moment at which the range has ended. */
  to: string | null;
  tz: string;
  /** The moment that the numbers are true for. */
  as_of: string;
  source: 'live' | 'rollup' | 'mixed' | 'cache';
}

export interface Counts {
  views: number;
  unique_users: number;
}

/** The answer of `GET /stats/timeseries`. */
export interface Timeseries {
  meta: ReportMeta;
  interval: Interval;
  /** Without gaps, the earliest first, none of them in the future. */
  series: IntervalCounts[];
}

/** One interval of a time series. */
export interface IntervalCounts extends Counts {
  /** Local, with its offset. */
  start: string;
  /** Present on the interval that has begun and not ended: its numbers still grow. */
  is_current?: true;
}

/** The answer of `GET /stats/breakdown`. */
export interface Breakdown {
  meta: ReportMeta;
  dimension: string;
  /** How many distinct values there are, one of them null if an event has none. */
  total: number;
  /**
   * Most views first, ties by value. `share` is the value's part of all views that passed the filters, from 0
   * to 1.
   */
  rows: ({ value: PropertyValue | null; share: number } & Counts)[];
}

/**
 * What a range is compared with. Of a range that has not ended, as much of the previous one as has passed of
 * it.
 */
export interface PreviousRange {
  /** The first moment, in the range's zone with the offset. */
  from: string;
  /** The moment at which it has ended. */
  to: string;
}

export interface Totals {
  total_views: number;
  unique_users: number;
}

/** The answer of `GET /stats/compare`. */
export interface Comparison {
  meta: ReportMeta & { previous: PreviousRange };
  current: Totals;
  previous: Totals;
  /** As a fraction of the previous; null where that is 0. */
  change: { [Field in keyof Totals]: number | null };
}

/** The answer of `GET /stats/realtime`. */
export interface Realtime {
  meta: ReportMeta;
  /** Of the last five minutes. */
  active_users: number;
  views: number;
  /** The last thirty, the earliest first. */
  minutes: { start: string; views: number; active_users: number }[];
}
