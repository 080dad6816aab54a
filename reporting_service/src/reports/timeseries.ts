import { ProblemError } from '@analytics/shared/problem';
import type { Interval, Timeseries, TimeseriesQuery } from '@analytics/shared/stats';
import { Temporal } from 'temporal-polyfill';
import type { EventReader, ReportSource } from '../eventReader.ts';
import { cutIntoIntervals, estimateIntervals, type IntervalSpan } from '../intervals.ts';
import { countSteps } from '../rollup/countSteps.ts';
import { withSnapshot } from '../rollup/withSnapshot.ts';
import { type DayRange, findDayStart, formatLocal, resolveRange } from '../timeRange.ts';
import { findSpanOfAll } from './findSpan.ts';
import { createMeta } from './reportMeta.ts';

export const MAX_STEPS = 2000;

export type ReadTimeseries = (query: TimeseriesQuery) => Promise<Timeseries>;

/** Makes the report behind `GET /stats/timeseries`. */
export function createTimeseries({ read }: EventReader, now: () => number): ReadTimeseries {
  return async function readTimeseries(query) {
    const { site_id, interval, path, path_prefix, event_type, referrer_host } = query;
    const filters = { path, path_prefix, event_type, referrer_host };
    const asOfMs = now();
    const range = resolveRange(query, asOfMs);
    const { tz } = range;
    return read(async (source) => {
      const days = range.days ?? (await findDaysOfAll(source, site_id, tz));
      const steps = days ? cutIntoSteps(days, interval, tz) : [];
      const span = { startMs: steps[0]?.startMs ?? 0, endMs: steps.at(-1)?.endMs ?? 0 };
      const answer = await withSnapshot(source, site_id, span, (snapshot) =>
        countSteps(source, snapshot, { site_id, filters, steps }),
      );
      return {
        meta: createMeta(site_id, range, asOfMs, answer.source),
        interval,
        series: steps.map(({ labelMs }, index) => ({
          start: formatLocal(labelMs, tz),
          ...(answer.counts[index] ?? { views: 0, unique_users: 0 }),
        })),
      };
    });
  };
}

/** All time has its first and its last event's days as its ends. */
async function findDaysOfAll(
  source: ReportSource,
  site_id: string,
  tz: string,
): Promise<DayRange | undefined> {
  const span = await findSpanOfAll(source, site_id);
  if (span === undefined) {
    return undefined;
  }
  let lastDay = toDay(span.endMs - 1, tz);
  // Where clocks were put back past midnight, the date of a moment may be that of the day before.
  for (
    let next = lastDay.add({ days: 1 });
    findDayStart(next, tz) < span.endMs;
    next = next.add({ days: 1 })
  ) {
    lastDay = next;
  }
  return { firstDay: toDay(span.startMs, tz), lastDay };
}

function cutIntoSteps(days: DayRange, interval: Interval, tz: string): IntervalSpan[] {
  // Counted first: a table of millions of steps would have to be made only to be refused.
  if (estimateIntervals(days, interval) > 2 * MAX_STEPS) {
    throw createTooLongError(interval);
  }
  const steps = cutIntoIntervals(days, interval, tz);
  if (steps.length > MAX_STEPS) {
    throw createTooLongError(interval);
  }
  return steps;
}

function toDay(timeMs: number, tz: string): Temporal.PlainDate {
  return Temporal.Instant.fromEpochMilliseconds(timeMs).toZonedDateTimeISO(tz).toPlainDate();
}

function createTooLongError(interval: string): ProblemError {
  const message = `would make more than ${MAX_STEPS} steps; choose a longer interval than ${interval}, or a shorter range`;
  return new ProblemError(400, `The query can't be answered: interval ${message}.`, {
    errors: [{ field: 'interval', message }],
  });
}
