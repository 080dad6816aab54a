import { count } from '../counts/count.ts';
import type { ReportContext } from '../database/reportContext.ts';
import type { StatsParameters } from '../query/parameters.ts';
import type { ReportQuery } from '../query/reportQuery.ts';
import { readSiteMonths } from '../sources/events/siteExtent.ts';
import type { SiteStats } from './answers.ts';

/** Reads the report of `GET /stats` with up to `topPathsLimit` paths. */
export async function readSiteStats(
  { site_id, filters, range, span, parameters }: ReportQuery<StatsParameters>,
  context: ReportContext,
  topPathsLimit: number,
): Promise<SiteStats> {
  const { date, from, period, tz } = parameters;
  const rollupSpan = span ?? (await readSiteMonths(context, site_id));
  const { intervals, values } = await count(context, {
    site_id,
    filters,
    span: rollupSpan,
    eventSpan: span,
    intervals: [rollupSpan],
    values: { dimension: 'path', limit: topPathsLimit, offset: 0, withUsers: false },
  });
  return {
    site_id,
    date: date ?? null,
    ...([from, period, tz].some((parameter) => parameter !== undefined) && {
      from: range.days ? String(range.days.firstDay) : null,
      to: range.days ? String(range.days.lastDay) : null,
      tz: range.tz,
    }),
    total_views: intervals[0]?.views ?? 0,
    unique_users: intervals[0]?.unique_users ?? 0,
    top_paths: values?.rows.map(({ value, views }) => ({ path: String(value), views })) ?? [],
  };
}
