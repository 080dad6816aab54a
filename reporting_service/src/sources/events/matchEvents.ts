import type { TimeSpan } from '@analytics/rollups/calendar';
import type { PipelineStage } from 'mongoose';
import type { Filters } from '../../query/parameters.ts';

/** Which events a report counts. */
export interface EventSelection extends Filters {
  site_id: string;
  /** Absent: all time. Several must not overlap. */
  span?: TimeSpan | readonly TimeSpan[] | undefined;
}

/** The first stage of every report: a site's events of a time that pass every filter. */
export function matchEvents({ site_id, span, ...filters }: EventSelection): PipelineStage.Match {
  return {
    $match: {
      site_id,
      ...matchTime(span),
      ...matchFilters(filters),
    },
  };
}

function matchTime(span: EventSelection['span']): Record<string, unknown> {
  if (span === undefined) {
    return {};
  }
  const conditions = [span].flat().map(({ startMs, endMs }) => ({
    timestamp: { $gte: new Date(startMs), $lt: new Date(endMs) },
  }));
  const [only] = conditions;
  return only && conditions.length === 1 ? only : { $or: conditions };
}

function matchFilters({ path, path_prefix, event_type, referrer_host }: Filters): Record<string, unknown> {
  const pathConditions = [
    ...(path === undefined ? [] : [{ path }]),
    ...(path_prefix === undefined ? [] : [{ path: { $regex: `^${escapePattern(path_prefix)}` } }]),
  ];
  return {
    ...(event_type !== undefined && { event_type }),
    ...(referrer_host !== undefined && { referrer_host }),
    ...(pathConditions.length > 0 && { $and: pathConditions }),
  };
}

/** Makes a text match itself and nothing else in a pattern of PCRE, which MongoDB speaks. */
export function escapePattern(literal: string): string {
  return literal.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
}
