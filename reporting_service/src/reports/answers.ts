import { z } from 'zod';
import { INTERVALS } from '../query/parameters.ts';

/** A number of views or users. */
const count = z.int().nonnegative();

/** A moment in ISO 8601, with the offset of a time zone or in UTC. */
const moment = z.iso.datetime({ offset: true });

const pathViews = z.strictObject({ path: z.string(), views: count });

/** The answer of `GET /stats`. */
export const siteStatsAnswer = z.strictObject({
  site_id: z.string(),
  /** The day of the query, or null for any other range. */
  date: z.iso.date().nullable(),
  /** With a range or a zone only: the first day, or null for all time. */
  from: z.iso.date().nullable().optional(),
  /** With a range or a zone only: the last day. */
  to: z.iso.date().nullable().optional(),
  /** With a range or a zone only. */
  tz: z.string().optional(),
  total_views: count,
  /** Distinct users. Anonymous views count in `total_views` only. */
  unique_users: count,
  /** Most views first, ties by path in the order of its UTF-8 bytes. */
  top_paths: z.array(pathViews),
});

/** The range and the freshness of the numbers of an answer. */
const meta = z.strictObject({
  site_id: z.string(),
  /** The first moment of the range. Null: all time. */
  from: moment.nullable(),
  /** The first moment after the range. */
  to: moment.nullable(),
  tz: z.string(),
  /** The moment at which the numbers were true. */
  as_of: moment,
  source: z.enum(['live', 'rollup', 'mixed', 'cache']),
});

/** The answer of `GET /stats/timeseries`. */
export const timeseriesAnswer = z.strictObject({
  meta,
  interval: z.enum(INTERVALS),
  /** Without gaps, the earliest first, none in the future. */
  series: z.array(
    z.strictObject({
      start: moment,
      views: count,
      unique_users: count,
      /** Set on the interval that has not ended: its numbers still grow. */
      is_current: z.literal(true).optional(),
    }),
  ),
});

/** The answer of `GET /stats/breakdown`. */
export const breakdownAnswer = z.strictObject({
  meta,
  dimension: z.string(),
  /** The number of distinct values. An event without the dimension has the value null. */
  total: count,
  /** Most views first, ties by value. */
  rows: z.array(
    z.strictObject({
      value: z.union([z.string(), z.number(), z.boolean(), z.null()]),
      views: count,
      unique_users: count,
      /** The part of all views that match the filters, from 0 to 1. */
      share: z.number().min(0).max(1),
    }),
  ),
});

const totals = z.strictObject({ total_views: count, unique_users: count });

/** The answer of `GET /stats/compare`. */
export const comparisonAnswer = z.strictObject({
  meta: meta.extend({
    /** If the range has not ended, the part of the previous range that corresponds to the elapsed time. */
    previous: z.strictObject({ from: moment, to: moment }),
  }),
  current: totals,
  previous: totals,
  /** A fraction of the previous number. Null where that is 0. */
  change: z.strictObject({ total_views: z.number().nullable(), unique_users: z.number().nullable() }),
});

/** The answer of `GET /stats/realtime`. */
export const realtimeAnswer = z.strictObject({
  meta,
  /** Distinct users of the last five minutes. */
  active_users: count,
  /** The views of the last five minutes. */
  views: count,
  /** The last thirty minutes, the earliest first. */
  minutes: z.array(z.strictObject({ start: moment, views: count, active_users: count })),
});

export type SiteStats = z.infer<typeof siteStatsAnswer>;
export type ReportMeta = z.infer<typeof meta>;
export type Timeseries = z.infer<typeof timeseriesAnswer>;
export type Breakdown = z.infer<typeof breakdownAnswer>;
export type Comparison = z.infer<typeof comparisonAnswer>;
export type Realtime = z.infer<typeof realtimeAnswer>;
