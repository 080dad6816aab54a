import type { Realtime } from '@analytics/shared/stats';
import type { RealtimeQuery } from '@analytics/shared/statsQuery';
import type { ReportSource } from '../reportSource.ts';
import { readSteps } from '../rollup/countSteps.ts';
import { formatLocal } from '../timeRange.ts';

const MINUTE_MS = 60_000;
const MINUTES = 30;
const ACTIVE_MINUTES = 5;

export type ReadRealtime = (query: RealtimeQuery, source: ReportSource) => Promise<Realtime>;

/**
 * Makes the report behind `GET /stats/realtime`. Its last minute is the one that is running, so that what has
 * just happened is in it; what lies in the future is not.
 */
export const readRealtime: ReadRealtime = async ({ site_id, ...filters }, source) => {
  const { asOfMs } = source;
  const endMs = asOfMs + 1;
  const lastMinuteMs = Math.floor(asOfMs / MINUTE_MS) * MINUTE_MS;
  const steps = Array.from({ length: MINUTES }, (_, index) => {
    const startMs = lastMinuteMs - (MINUTES - 1 - index) * MINUTE_MS;
    return { startMs, endMs: Math.min(startMs + MINUTE_MS, endMs) };
  });
  const startMs = lastMinuteMs - (MINUTES - 1) * MINUTE_MS;
  const active = { startMs: asOfMs - ACTIVE_MINUTES * MINUTE_MS, endMs };
  const [[ofActive], counts] = await Promise.all([
    readSteps(source, { site_id, span: active, ...filters }, [active]),
    readSteps(source, { site_id, span: { startMs, endMs }, ...filters }, steps),
  ]);
  const byStep = new Map(counts.map((each) => [each._id, each]));
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
    minutes: steps.map((step, index) => ({
      start: formatLocal(step.startMs, 'UTC'),
      views: byStep.get(index)?.views ?? 0,
      active_users: byStep.get(index)?.unique_users ?? 0,
    })),
  };
};
