import { HOUR_MS, type TimeSpan } from '@analytics/rollups/calendar';
import { Temporal } from 'temporal-polyfill';
import type { Interval } from './parameters.ts';
import { type DayRange, findDayStart } from './timeRange.ts';

/** One step of a time series. */
export interface IntervalSpan extends TimeSpan {
  /**
   * The step's own beginning, which lies before the span where the range begins in the middle of a week or a
   * month.
   */
  labelMs: number;
}

/** Cuts local days into steps, without a gap, the earliest first. */
export function cutIntoIntervals(days: DayRange, interval: Interval, tz: string): IntervalSpan[] {
  return interval === 'hour' ? cutIntoHours(days, tz) : cutIntoDays(days, interval, tz);
}

/** How many steps there are, or a few more. Cheap enough to be asked before they are made. */
export function estimateIntervals({ firstDay, lastDay }: DayRange, interval: Interval): number {
  const days = firstDay.until(lastDay).days + 1;
  const daysPerStep = { hour: 1 / 25, day: 1, week: 7, month: 28 }[interval];
  return Math.ceil(days / daysPerStep);
}

/**
 * A local day has as many steps as it has hours; in the few zones that shift by half an hour its last one may
 * be shorter.
 */
function cutIntoHours({ firstDay, lastDay }: DayRange, tz: string): IntervalSpan[] {
  const spans: IntervalSpan[] = [];
  for (const day of listDays(firstDay, lastDay, (each) => each.add({ days: 1 }))) {
    const dayEndMs = findDayStart(day.add({ days: 1 }), tz);
    for (let startMs = findDayStart(day, tz); startMs < dayEndMs; startMs += HOUR_MS) {
      spans.push({ labelMs: startMs, startMs, endMs: Math.min(startMs + HOUR_MS, dayEndMs) });
    }
  }
  return spans;
}

function cutIntoDays(
  { firstDay, lastDay }: DayRange,
  interval: Exclude<Interval, 'hour'>,
  tz: string,
): IntervalSpan[] {
  const step = { day: { days: 1 }, week: { weeks: 1 }, month: { months: 1 } }[interval];
  const starts = listDays(findStepStart(firstDay, interval), lastDay, (each) => each.add(step));
  const rangeStartMs = findDayStart(firstDay, tz);
  const rangeEndMs = findDayStart(lastDay.add({ days: 1 }), tz);
  const labels = starts.map((start) => findDayStart(start, tz));
  const spans = labels.map((labelMs, index) => ({
    labelMs,
    startMs: Math.max(labelMs, rangeStartMs),
    endMs: labels[index + 1] ?? rangeEndMs,
  }));
  // A day that a zone left out, to change sides of the date line, begins where the next one does.
  return spans.filter(({ startMs, endMs }) => startMs < endMs);
}

function findStepStart(day: Temporal.PlainDate, interval: Exclude<Interval, 'hour'>): Temporal.PlainDate {
  switch (interval) {
    case 'day':
      return day;
    case 'week':
      // Monday is 1.
      return day.subtract({ days: day.dayOfWeek - 1 });
    case 'month':
      return day.with({ day: 1 });
  }
}

function listDays(
  first: Temporal.PlainDate,
  last: Temporal.PlainDate,
  next: (day: Temporal.PlainDate) => Temporal.PlainDate,
): Temporal.PlainDate[] {
  const days: Temporal.PlainDate[] = [];
  for (let day = first; Temporal.PlainDate.compare(day, last) <= 0; day = next(day)) {
    days.push(day);
  }
  return days;
}
