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
  date: z.iso.date().nullable().describe('The day of the query, or null for any other range.'),
  from: z.iso
    .date()
    .nullable()
    .optional()
    .describe('With a range or a zone only: the first day, or null for all time.'),
  to: z.iso.date().nullable().optional().describe('With a range or a zone only: the last day.'),
  tz: z.string().optional().describe('With a range or a zone only.'),
  total_views: count,
  unique_users: count.describe('Distinct users. Anonymous views count in `total_views` only.'),
  top_paths: z.array(pathViews).describe('Most views first, ties by path in the order of its UTF-8 bytes.'),
});

/** The range and the freshness of the numbers of an answer. */
export const meta = z.strictObject({
  site_id: z.string(),
  from: moment.nullable().describe('The first moment of the range. Null: all time.'),
  to: moment.nullable().describe('The first moment after the range.'),
  tz: z.string(),
  as_of: moment.describe('The moment at which the numbers were true.'),
  source: z
    .enum(['live', 'rollup', 'mixed', 'cache'])
    .describe('What was read: events (`live`), rollups, both, or an answer of this service a moment ago.'),
});

/** The answer of `GET /stats/timeseries`. */
export const timeseriesAnswer = z.strictObject({
  meta,
  interval: z.enum(INTERVALS),
  series: z
    .array(
      z.strictObject({
        start: moment,
        views: count,
        unique_users: count,
        is_current: z
          .literal(true)
          .optional()
          .describe('Set on the interval that has not ended: its numbers still grow.'),
      }),
    )
    .describe('Without gaps, the earliest first, none in the future.'),
});

/** The answer of `GET /stats/breakdown`. */
export const breakdownAnswer = z.strictObject({
  meta,
  dimension: z.string(),
  total: count.describe('The number of distinct values. An event without the dimension has the value null.'),
  rows: z
    .array(
      z.strictObject({
        value: z.union([z.string(), z.number(), z.boolean(), z.null()]),
        views: count,
        unique_users: count,
        share: z
          .number()
          .min(0)
          .max(1)
          .describe('The part of all views that match the filters, from 0 to 1.'),
      }),
    )
    .describe('Most views first, ties by value.'),
});

const totals = z.strictObject({ total_views: count, unique_users: count });

/** The answer of `GET /stats/compare`. */
export const comparisonAnswer = z.strictObject({
  meta: meta.extend({
    previous: z
      .strictObject({ from: moment, to: moment })
      .describe(
        'If the range has not ended, the part of the previous range that corresponds to the elapsed time.',
      ),
  }),
  current: totals,
  previous: totals,
  change: z
    .strictObject({ total_views: z.number().nullable(), unique_users: z.number().nullable() })
    .describe('A fraction of the previous number. Null where that is 0.'),
});

/** The answer of `GET /stats/realtime`. */
export const realtimeAnswer = z.strictObject({
  meta,
  active_users: count.describe('Distinct users of the last five minutes.'),
  views: count.describe('The views of the last five minutes.'),
  minutes: z
    .array(z.strictObject({ start: moment, views: count, active_users: count }))
    .describe('The last thirty minutes, the earliest first.'),
});

export type SiteStats = z.infer<typeof siteStatsAnswer>;
export type ReportMeta = z.infer<typeof meta>;
export type Timeseries = z.infer<typeof timeseriesAnswer>;
export type Breakdown = z.infer<typeof breakdownAnswer>;
export type Comparison = z.infer<typeof comparisonAnswer>;
export type Realtime = z.infer<typeof realtimeAnswer>;
