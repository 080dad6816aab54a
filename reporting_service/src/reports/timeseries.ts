import { count } from '../counts/count.ts';
import type { ReportContext } from '../database/reportContext.ts';
import { chooseIntervals } from '../query/chooseIntervals.ts';
import type { Interval, TimeseriesParameters } from '../query/parameters.ts';
import type { ReportQuery } from '../query/reportQuery.ts';
import { type DayRange, formatLocal, type TimeRange, toDayRangeOf } from '../query/timeRange.ts';
import { readSiteExtent } from '../sources/events/siteExtent.ts';
import type { Timeseries } from './answers.ts';
import { createMeta } from './createMeta.ts';

/** Reads the report of `GET /stats/timeseries`. Its last interval contains the present, or lies before it. */
export async function readTimeseries(
  query: ReportQuery<TimeseriesParameters>,
  context: ReportContext,
): Promise<Timeseries> {
  const { site_id, filters, range, parameters } = query;
  const { tz } = range;
  const { asOfMs } = context;
  const candidates = listCandidates(parameters.interval, range);
  const days = range.days ?? (await readDays(context, site_id, tz));
  const { interval, spans } = days
    ? chooseIntervals(days, tz, candidates)
    : { interval: candidates[0], spans: [] };
  const intervals = spans.filter(({ startMs }) => startMs <= asOfMs);
  const span = { startMs: intervals[0]?.startMs ?? 0, endMs: intervals.at(-1)?.endMs ?? 0 };
  const counts = await count(context, { site_id, filters, span, eventSpan: span, intervals });
  return {
    meta: createMeta(query, asOfMs, counts.source),
    interval,
    series: intervals.map(({ labelMs, endMs }, index) => ({
      start: formatLocal(labelMs, tz),
      ...(counts.intervals[index] ?? { views: 0, unique_users: 0 }),
      ...(endMs > asOfMs && { is_current: true as const }),
    })),
  };
}

/**
 * The intervals to choose from, the preferred first. A range is shown by day; all time may have any length.
 */
function listCandidates(asked: Interval | undefined, { days }: TimeRange): [Interval, ...Interval[]] {
  if (asked !== undefined) {
    return [asked];
  }
  return days ? ['day', 'week'] : ['hour', 'day', 'week', 'month'];
}

/** The days from a site's first event to its last, but not after today. */
async function readDays(context: ReportContext, site_id: string, tz: string): Promise<DayRange | undefined> {
  const extent = await readSiteExtent(context, site_id);
  const endMs = Math.min(extent?.endMs ?? 0, context.asOfMs + 1);
  return extent && extent.startMs < endMs ? toDayRangeOf({ startMs: extent.startMs, endMs }, tz) : undefined;
}
