import type { TimeSpan } from '@analytics/rollups/calendar';
import { type Filters, listFilters } from '@analytics/shared/event/dimensions';
import type { PipelineStage } from 'mongoose';

/** The events that a report counts. */
export interface EventSelection extends Filters {
  site_id: string;
  /** Absent: all time. Several spans must not overlap. */
  span?: TimeSpan | readonly TimeSpan[] | undefined;
}

/** The first stage of every report: a site's events of some spans that match every filter. */
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

function matchFilters(filters: Filters): Record<string, unknown> {
  const conditions = listFilters(filters).map(({ dimension, value, isPrefix }) => ({
    [dimension]: isPrefix ? { $regex: `^${escapePattern(value)}` } : value,
  }));
  return conditions.length > 0 ? { $and: conditions } : {};
}

/** Escapes a text for MongoDB's regular expressions, which are PCRE. */
export function escapePattern(literal: string): string {
  return literal.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&');
}
