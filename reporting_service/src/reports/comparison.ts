import type { TimeSpan } from '@analytics/rollups/calendar';
import { count } from '../counts/count.ts';
import type { ReportContext } from '../database/reportContext.ts';
import type { ComparisonQuery } from '../query/reportQuery.ts';
import { findPreviousSpan, formatLocal } from '../query/timeRange.ts';
import type { Comparison } from './answers.ts';
import { createMeta } from './createMeta.ts';

/**
 * Reads the report of `GET /stats/compare`. A range that has not ended is compared with the part of the
 * previous one that corresponds to the elapsed time: half a day next to a whole one would look like a loss.
 */
export async function readComparison(query: ComparisonQuery, context: ReportContext): Promise<Comparison> {
  const { site_id, filters, range, span, parameters } = query;
  const previousSpan = findPreviousSpan(range, parameters.to_previous, context.asOfMs);
  const countSpan = (of: TimeSpan) =>
    count(context, { site_id, filters, span: of, eventSpan: of, intervals: [of] });
  const counts = await Promise.all([countSpan(span), countSpan(previousSpan)]);
  const [current, previous] = counts.map(({ intervals: [totals] }) => ({
    total_views: totals?.views ?? 0,
    unique_users: totals?.unique_users ?? 0,
  })) as [Comparison['current'], Comparison['previous']];
  const isAlike = counts[0].source === counts[1].source;
  return {
    meta: {
      ...createMeta(query, context.asOfMs, isAlike ? counts[0].source : 'mixed'),
      previous: {
        from: formatLocal(previousSpan.startMs, range.tz),
        to: formatLocal(previousSpan.endMs, range.tz),
      },
    },
    current,
    previous,
    change: {
      total_views: findChange(current.total_views, previous.total_views),
      unique_users: findChange(current.unique_users, previous.unique_users),
    },
  };
}

function findChange(current: number, previous: number): number | null {
  return previous === 0 ? null : (current - previous) / previous;
}
