import { ProblemError } from '@analytics/shared/http/problem';
import type { CompareQuery, RangeQuery } from '@analytics/shared/statsQuery';
import { type DayRange, findPrevious, resolveRange, type Span, toSpan } from '../timeRange.ts';

/** The time that a report is of; undefined is all time. */
export function findReportSpan(query: RangeQuery, nowMs: number): Span | undefined {
  return toSpan(resolveRange(query, nowMs));
}

/**
 * A comparison is of both its ranges, and for simplicity of what lies between.
 *
 * @throws ProblemError 400 if it is of all time.
 */
export function findComparisonSpan(query: CompareQuery, nowMs: number): Span | undefined {
  const { tz, days } = resolveBoundedRange(query, nowMs);
  const previous = findPrevious(days, query.to_previous);
  return toSpan({ tz, days: { firstDay: previous.firstDay, lastDay: days.lastDay } });
}

/**
 * The days of a query that must not be of all time.
 *
 * @throws ProblemError 400 if it is.
 */
export function resolveBoundedRange(query: RangeQuery, nowMs: number): { tz: string; days: DayRange } {
  const { tz, days } = resolveRange(query, nowMs);
  if (days === undefined) {
    const message =
      'is required: date, from and to, or a period other than all; nothing lies before all time';
    throw new ProblemError(400, `The query can't be answered: period ${message}.`, {
      errors: [{ field: 'period', message }],
    });
  }
  return { tz, days };
}
