import { ProblemError } from '@analytics/shared/problem';
import type { Timeseries, TimeseriesQuery } from '@analytics/shared/stats';
import { Temporal } from 'temporal-polyfill';
import { buildTimeseriesPipeline, type StepCounts } from '../aggregations/timeseriesPipeline.ts';
import type { EventReader } from '../eventReader.ts';
import { cutIntoIntervals, estimateIntervals } from '../intervals.ts';
import { type DayRange, formatLocal, resolveRange, toSpan } from '../timeRange.ts';
import { createMeta } from './reportMeta.ts';

export const MAX_STEPS = 2000;

export type ReadTimeseries = (query: TimeseriesQuery) => Promise<Timeseries>;

/** Makes the report behind `GET /stats/timeseries`. */
export function createTimeseries({ aggregate }: EventReader, now: () => number): ReadTimeseries {
  /** All time has its first and its last event's days as its ends. */
  async function findDaysOfAll(site_id: string, tz: string): Promise<DayRange | undefined> {
    const first = (direction: 1 | -1) =>
      aggregate<{ timestamp: Date }>([
        { $match: { site_id } },
        { $sort: { site_id: direction, timestamp: direction } },
        { $limit: 1 },
        { $project: { _id: 0, timestamp: 1 } },
      ]);
    const [[earliest], [latest]] = await Promise.all([first(1), first(-1)]);
    return earliest && latest
      ? { firstDay: toDay(earliest.timestamp, tz), lastDay: toDay(latest.timestamp, tz) }
      : undefined;
  }

  return async function readTimeseries(query) {
    const {
      site_id,
      interval,
      date: _date,
      from: _from,
      to: _to,
      period: _period,
      tz: _tz,
      ...filters
    } = query;
    const asOfMs = now();
    const range = resolveRange(query, asOfMs);
    const { tz } = range;
    const meta = createMeta(site_id, range, asOfMs);
    const days = range.days ?? (await findDaysOfAll(site_id, tz));
    if (days === undefined) {
      return { meta, interval, series: [] };
    }
    const isTooLong = () => createTooLongError(interval);
    if (estimateIntervals(days, interval) > 2 * MAX_STEPS) {
      throw isTooLong();
    }
    const steps = cutIntoIntervals(days, interval, tz);
    if (steps.length > MAX_STEPS) {
      throw isTooLong();
    }
    const selection = { site_id, span: toSpan({ tz, days }), ...filters };
    const counts = await aggregate<StepCounts>(buildTimeseriesPipeline(selection, steps));
    const byStep = new Map(counts.map((each) => [each._id, each]));
    return {
      meta,
      interval,
      series: steps.map(({ labelMs }, index) => ({
        start: formatLocal(labelMs, tz),
        views: byStep.get(index)?.views ?? 0,
        unique_users: byStep.get(index)?.unique_users ?? 0,
      })),
    };
  };
}

function toDay(time: Date, tz: string): Temporal.PlainDate {
  return Temporal.Instant.fromEpochMilliseconds(time.getTime()).toZonedDateTimeISO(tz).toPlainDate();
}

function createTooLongError(interval: string): ProblemError {
  const message = `would make more than ${MAX_STEPS} steps; choose a longer interval than ${interval}, or a shorter range`;
  return new ProblemError(400, `The query can't be answered: interval ${message}.`, {
    errors: [{ field: 'interval', message }],
  });
}
