import type { TimeSpan } from '@analytics/rollups/calendar';
import { type Filters, pickFilters } from '@analytics/shared/event/dimensions';
import { describeFieldErrors, ProblemError } from '@analytics/shared/http/problem';
import type { CompareParameters, RangeParameters, RealtimeParameters } from './parameters.ts';
import { type DayRange, findPrevious, resolveRange, type TimeRange, toSpan } from './timeRange.ts';

/** The query of a report, resolved once when its request arrives. */
export interface ReportQuery<Parameters = unknown> {
  site_id: string;
  filters: Filters;
  range: TimeRange;
  /** The time of the range. Undefined: all time. */
  span: TimeSpan | undefined;
  /** The time in which a late event changes the answer. Undefined: all time. Null: the present only. */
  lateEventSpan: TimeSpan | undefined | null;
  /** The validated parameters of the URL, their fields always in the same order. */
  parameters: Parameters;
}

type ReportParameters = { site_id: string } & Filters & RangeParameters;

/** Resolves the parameters of a report. `nowMs` (milliseconds since 1970) decides what today is. */
export function resolveQuery<Parameters extends ReportParameters>(
  parameters: Parameters,
  nowMs: number,
): ReportQuery<Parameters> {
  const range = resolveRange(parameters, nowMs);
  const span = toSpan(range);
  return { ...resolveSite(parameters), range, span, lateEventSpan: span };
}

/** A comparison of two ranges. */
export interface ComparisonQuery extends ReportQuery<CompareParameters> {
  range: Required<TimeRange>;
  span: TimeSpan;
}

/**
 * Resolves a comparison. A late event changes it in both of its ranges and, for simplicity, between them.
 *
 * @throws ProblemError 400 if the range is all time.
 */
export function resolveComparison(parameters: CompareParameters, nowMs: number): ComparisonQuery {
  const { tz, days } = resolveRange(parameters, nowMs);
  if (days === undefined) {
    throw createQueryError([
      {
        field: 'period',
        message: 'is required: date, from and to, or a period other than all; nothing lies before all time',
      },
    ]);
  }
  const { firstDay } = findPrevious(days, parameters.to_previous);
  return {
    ...resolveSite(parameters),
    range: { tz, days },
    span: requireSpan(tz, days),
    lateEventSpan: toSpan({ tz, days: { firstDay, lastDay: days.lastDay } }),
  };
}

/** Resolves the parameters of the last minutes, which have no days. */
export function resolveRealtime(parameters: RealtimeParameters): ReportQuery<RealtimeParameters> {
  return { ...resolveSite(parameters), range: { tz: 'UTC' }, span: undefined, lateEventSpan: null };
}

/** A 400 that names the parameters at fault. */
export function createQueryError(errors: { field: string; message: string }[]): ProblemError {
  return new ProblemError(400, `The query can't be answered: ${describeFieldErrors(errors)}.`, { errors });
}

function resolveSite<Parameters extends { site_id: string } & Filters>(parameters: Parameters) {
  return { site_id: parameters.site_id, filters: pickFilters(parameters), parameters };
}

function requireSpan(tz: string, days: DayRange): TimeSpan {
  return toSpan({ tz, days }) as TimeSpan;
}
