import type { Timeseries } from '@analytics/shared/stats';
import type { Interval, TimeseriesQuery } from '@analytics/shared/statsQuery';
import { Temporal } from 'temporal-polyfill';
import type { ReportSource } from '../reportSource.ts';
import { countSteps } from '../rollup/countSteps.ts';
import { withSnapshot } from '../rollup/withSnapshot.ts';
import { chooseIntervals } from '../seriesIntervals.ts';
import { type DayRange, findDayStart, formatLocal, resolveRange, type TimeRange } from '../timeRange.ts';
import { findSpanOfAll } from './findSpan.ts';
import { createMeta } from './reportMeta.ts';

export type ReadTimeseries = (query: TimeseriesQuery, source: ReportSource) => Promise<Timeseries>;

/**
 * Makes the report behind `GET /stats/timeseries`. Its last interval is the one that contains the present, or
 * lies before it.
 */
export const readTimeseries: ReadTimeseries = async (query, source) => {
  const { site_id, path, path_prefix, event_type, referrer_host } = query;
  const filters = { path, path_prefix, event_type, referrer_host };
  const { asOfMs } = source;
  const range = resolveRange(query, asOfMs);
  const { tz } = range;
  const candidates = listCandidates(query.interval, range);
  const days = range.days ?? (await findDaysOfAll(source, site_id, tz, asOfMs));
  const { interval, spans } = days
    ? chooseIntervals(days, tz, candidates)
    : { interval: candidates[0], spans: [] };
  const steps = spans.filter(({ startMs }) => startMs <= asOfMs);
  const span = { startMs: steps[0]?.startMs ?? 0, endMs: steps.at(-1)?.endMs ?? 0 };
  const answer = await withSnapshot(source, site_id, span, (snapshot) =>
    countSteps(source, snapshot, { site_id, filters, steps }),
  );
  return {
    meta: createMeta(site_id, range, asOfMs, answer.source),
    interval,
    series: steps.map(({ labelMs, endMs }, index) => ({
      start: formatLocal(labelMs, tz),
      ...(answer.counts[index] ?? { views: 0, unique_users: 0 }),
      ...(endMs > asOfMs && { is_current: true as const }),
    })),
  };
};

/**
 * Which intervals may answer a query, the preferred first: all time has no usual length, and a range is seen
 * by days.
 */
function listCandidates(asked: Interval | undefined, { days }: TimeRange): [Interval, ...Interval[]] {
  if (asked !== undefined) {
    return [asked];
  }
  return days ? ['day', 'week'] : ['hour', 'day', 'week', 'month'];
}

/** All time reaches from the day of the first event to that of the last one, but not beyond today. */
async function findDaysOfAll(
  source: ReportSource,
  site_id: string,
  tz: string,
  nowMs: number,
): Promise<DayRange | undefined> {
  const span = await findSpanOfAll(source, site_id);
  if (span === undefined || span.startMs > nowMs) {
    return undefined;
  }
  const endMs = Math.min(span.endMs, nowMs + 1);
  let lastDay = toDay(endMs - 1, tz);
  // Where clocks were put back past midnight, the date of a moment may be that of the day before.
  for (let next = lastDay.add({ days: 1 }); findDayStart(next, tz) < endMs; next = next.add({ days: 1 })) {
    lastDay = next;
  }
  return { firstDay: toDay(span.startMs, tz), lastDay };
}

function toDay(timeMs: number, tz: string): Temporal.PlainDate {
  return Temporal.Instant.fromEpochMilliseconds(timeMs).toZonedDateTimeISO(tz).toPlainDate();
}
