import type { TimeSpan } from '@analytics/rollups/calendar';
import { Temporal } from 'temporal-polyfill';
import type { Period, RangeParameters } from './parameters.ts';

/** Local days, including the first and the last. */
export interface DayRange {
  firstDay: Temporal.PlainDate;
  lastDay: Temporal.PlainDate;
}

/** The local days of a report. */
export interface TimeRange {
  tz: string;
  /** Absent: all time. */
  days?: DayRange;
}

/** Resolves the parameters of a query to local days. `nowMs` decides what today is. */
export function resolveRange(
  { date, from, to, period, tz = 'UTC' }: RangeParameters,
  nowMs: number,
): TimeRange {
  if (date !== undefined) {
    return { tz, days: toDayRange(date, date) };
  }
  if (from !== undefined && to !== undefined) {
    return { tz, days: toDayRange(from, to) };
  }
  if (period === undefined || period === 'all') {
    return { tz };
  }
  const today = Temporal.Instant.fromEpochMilliseconds(nowMs).toZonedDateTimeISO(tz).toPlainDate();
  return { tz, days: resolvePeriod(period, today) };
}

/** The time from the first day's first moment to the last day's last one. All time has no bounds. */
export function toSpan({ tz, days }: TimeRange): TimeSpan | undefined {
  return (
    days && {
      startMs: findDayStart(days.firstDay, tz),
      endMs: findDayStart(days.lastDay.add({ days: 1 }), tz),
    }
  );
}

/** The first moment of a local day: not always midnight, where clocks are put forward at midnight. */
export function findDayStart(day: Temporal.PlainDate, tz: string): number {
  return day.toZonedDateTime(tz).epochMilliseconds;
}

/** ISO 8601 with the offset that the zone has then. */
export function formatLocal(timeMs: number, tz: string): string {
  return Temporal.Instant.fromEpochMilliseconds(timeMs)
    .toZonedDateTimeISO(tz)
    .toString({ timeZoneName: 'never', smallestUnit: 'second' });
}

function toDayRange(first: string, last: string): DayRange {
  return { firstDay: Temporal.PlainDate.from(first), lastDay: Temporal.PlainDate.from(last) };
}

/**
 * The days of a period. All but `yesterday` end today; the months and the year begin with their first day.
 */
function resolvePeriod(period: Exclude<Period, 'all'>, today: Temporal.PlainDate): DayRange {
  switch (period) {
    case 'today':
      return { firstDay: today, lastDay: today };
    case 'yesterday': {
      const yesterday = today.subtract({ days: 1 });
      return { firstDay: yesterday, lastDay: yesterday };
    }
    case '7d':
    case '30d':
    case '90d':
      return { firstDay: today.subtract({ days: Number.parseInt(period, 10) - 1 }), lastDay: today };
    case '12mo':
      return { firstDay: today.with({ day: 1 }).subtract({ months: 11 }), lastDay: today };
    case 'year':
      return { firstDay: today.with({ month: 1, day: 1 }), lastDay: today };
  }
}

/** Compare a range with as many days right before it, or with the same days of the year before. */
export type PreviousBy = 'period' | 'year';

/** The days to compare a range with. The 29th of February is compared with the 28th. */
export function findPrevious(days: DayRange, by: PreviousBy): DayRange {
  const shift = (day: Temporal.PlainDate) => shiftBack(day, days, by);
  return { firstDay: shift(days.firstDay), lastDay: shift(days.lastDay) };
}

/**
 * The time that a range is compared with. Of a range that has not ended at `nowMs`, it is the part of the
 * previous range up to the same time of the corresponding day, to the second; of a range that has not begun,
 * no time at all.
 */
export function findPreviousSpan({ tz, days }: Required<TimeRange>, by: PreviousBy, nowMs: number): TimeSpan {
  const previous = toSpan({ tz, days: findPrevious(days, by) }) as TimeSpan;
  const { startMs, endMs } = toSpan({ tz, days }) as TimeSpan;
  if (nowMs >= endMs) {
    return previous;
  }
  if (nowMs <= startMs) {
    return { startMs: previous.startMs, endMs: previous.startMs };
  }
  const elapsedMs = shiftMomentBack(nowMs, { tz, days }, by);
  return {
    startMs: previous.startMs,
    endMs: Math.min(Math.max(elapsedMs, previous.startMs), previous.endMs),
  };
}

/** The same time of the corresponding day, without parts of a second. */
function shiftMomentBack(timeMs: number, { tz, days }: Required<TimeRange>, by: PreviousBy): number {
  const moment = Temporal.Instant.fromEpochMilliseconds(Math.floor(timeMs / 1000) * 1000);
  const { day, plainTime } = splitLocal(moment.toZonedDateTimeISO(tz));
  const previousDay = shiftBack(day, days, by);
  // The 29th of February shares its counterpart with the 28th, all of which has passed by then.
  const isShared =
    !day.equals(days.firstDay) && shiftBack(day.subtract({ days: 1 }), days, by).equals(previousDay);
  return isShared
    ? findDayStart(previousDay.add({ days: 1 }), tz)
    : previousDay.toZonedDateTime({ timeZone: tz, plainTime }).epochMilliseconds;
}

function splitLocal(local: Temporal.ZonedDateTime) {
  return { day: local.toPlainDate(), plainTime: local.toPlainTime() };
}

function shiftBack(
  day: Temporal.PlainDate,
  { firstDay, lastDay }: DayRange,
  by: PreviousBy,
): Temporal.PlainDate {
  return day.subtract(by === 'year' ? { years: 1 } : { days: firstDay.until(lastDay).days + 1 });
}

/** The local days that contain a span. */
export function toDayRangeOf({ startMs, endMs }: TimeSpan, tz: string): DayRange {
  let lastDay = toDay(endMs - 1, tz);
  // Where clocks were put back past midnight, the date of a moment may be that of the day before.
  for (let next = lastDay.add({ days: 1 }); findDayStart(next, tz) < endMs; next = next.add({ days: 1 })) {
    lastDay = next;
  }
  return { firstDay: toDay(startMs, tz), lastDay };
}

function toDay(timeMs: number, tz: string): Temporal.PlainDate {
  return Temporal.Instant.fromEpochMilliseconds(timeMs).toZonedDateTimeISO(tz).toPlainDate();
}
