import type { CompareQuery, RangeQuery } from '@analytics/shared/stats';
import { findPrevious, resolveRange, type Span, toSpan } from '../timeRange.ts';

/** The time that a report is of; undefined is all time. */
export function findReportSpan(query: RangeQuery, nowMs: number): Span | undefined {
  return toSpan(resolveRange(query, nowMs));
}

/** A comparison is of both its ranges, and for simplicity of what lies between. */
export function findComparisonSpan(query: CompareQuery, nowMs: number): Span | undefined {
  const { tz, days } = resolveRange(query, nowMs);
  if (days === undefined) {
    return undefined;
  }
  const previous = findPrevious(days, query.to_previous);
  return toSpan({ tz, days: { firstDay: previous.firstDay, lastDay: days.lastDay } });
}
