import { ProblemError } from '@analytics/shared/problem';
import type { CompareQuery, Comparison, Totals } from '@analytics/shared/stats';
import type { EventSelection } from '../aggregations/matchEvents.ts';
import { buildTotalsPipeline, type EventTotals } from '../aggregations/totalsPipeline.ts';
import type { EventReader } from '../eventReader.ts';
import { findPrevious, resolveRange, toSpan } from '../timeRange.ts';
import { createMeta } from './reportMeta.ts';

export type ReadComparison = (query: CompareQuery) => Promise<Comparison>;

/** Makes the report behind `GET /stats/compare`. */
export function createComparison({ aggregate }: EventReader, now: () => number): ReadComparison {
  async function count(selection: EventSelection): Promise<Totals> {
    const [totals] = await aggregate<EventTotals>(buildTotalsPipeline(selection));
    return { total_views: totals?.views ?? 0, unique_users: totals?.unique_users ?? 0 };
  }

  return async function readComparison(query) {
    const { site_id, to_previous, path, path_prefix, event_type, referrer_host } = query;
    const asOfMs = now();
    const range = resolveRange(query, asOfMs);
    const { tz, days } = range;
    if (days === undefined) {
      throw createUnboundedError();
    }
    const filters = { path, path_prefix, event_type, referrer_host };
    const previousRange = { tz, days: findPrevious(days, to_previous) };
    const [current, previous] = await Promise.all([
      count({ site_id, span: toSpan(range), ...filters }),
      count({ site_id, span: toSpan(previousRange), ...filters }),
    ]);
    return {
      meta: createMeta(site_id, range, asOfMs),
      current,
      previous,
      change: {
        total_views: findChange(current.total_views, previous.total_views),
        unique_users: findChange(current.unique_users, previous.unique_users),
      },
    };
  };
}

function findChange(current: number, previous: number): number | null {
  return previous === 0 ? null : (current - previous) / previous;
}

function createUnboundedError(): ProblemError {
  const message = 'is required: date, from and to, or a period other than all; nothing lies before all time';
  return new ProblemError(400, `The query can't be answered: period ${message}.`, {
    errors: [{ field: 'period', message }],
  });
}
