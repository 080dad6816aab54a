import type { ReportContext } from '../database/reportContext.ts';
import type { RealtimeParameters } from '../query/parameters.ts';
import type { ReportQuery } from '../query/reportQuery.ts';
import { formatLocal } from '../query/timeRange.ts';
import { countIntervals } from '../sources/events/countIntervals.ts';
import type { Realtime } from './answers.ts';

const MINUTE_MS = 60_000;
const MINUTES = 30;
const ACTIVE_MINUTES = 5;

/**
 * Reads the report of `GET /stats/realtime`, always from events. The last minute is the current one, and
 * events in the future are left out.
 */
export async function readRealtime(
  { site_id, filters }: ReportQuery<RealtimeParameters>,
  context: ReportContext,
): Promise<Realtime> {
  const { asOfMs } = context;
  const endMs = asOfMs + 1;
  const lastMinuteMs = Math.floor(asOfMs / MINUTE_MS) * MINUTE_MS;
  const startMs = lastMinuteMs - (MINUTES - 1) * MINUTE_MS;
  const minutes = Array.from({ length: MINUTES }, (_, index) => {
    const minuteMs = startMs + index * MINUTE_MS;
    return { startMs: minuteMs, endMs: Math.min(minuteMs + MINUTE_MS, endMs) };
  });
  const active = { startMs: asOfMs - ACTIVE_MINUTES * MINUTE_MS, endMs };
  const [[ofActive], counts] = await Promise.all([
    countIntervals(context, { site_id, span: active, ...filters }, [active]),
    countIntervals(context, { site_id, span: { startMs, endMs }, ...filters }, minutes),
  ]);
  const ofMinutes = new Map(counts.map((each) => [each._id, each]));
  return {
    meta: {
      site_id,
      from: formatLocal(startMs, 'UTC'),
      to: formatLocal(asOfMs, 'UTC'),
      tz: 'UTC',
      as_of: new Date(asOfMs).toISOString(),
      source: 'live',
    },
    active_users: ofActive?.unique_users ?? 0,
    views: ofActive?.views ?? 0,
    minutes: minutes.map((minute, index) => ({
      start: formatLocal(minute.startMs, 'UTC'),
      views: ofMinutes.get(index)?.views ?? 0,
      active_users: ofMinutes.get(index)?.unique_users ?? 0,
    })),
  };
}
