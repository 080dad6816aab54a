import type { Comparison, Totals } from '@analytics/shared/stats';
import type { CompareQuery } from '@analytics/shared/statsQuery';
import type { ReportSource } from '../reportSource.ts';
import { countSteps, type StepsAnswer } from '../rollup/countSteps.ts';
import { withSnapshot } from '../rollup/withSnapshot.ts';
import { findPreviousSpan, formatLocal, type Span, toSpan } from '../timeRange.ts';
import { createMeta } from './reportMeta.ts';
import { resolveBoundedRange } from './reportSpan.ts';

export type ReadComparison = (query: CompareQuery, source: ReportSource) => Promise<Comparison>;

/**
 * Makes the report behind `GET /stats/compare`. A range that has not ended is compared with the part of the
 * previous one that corresponds to what has passed of it: half a day beside a whole one would look like a
 * loss.
 */
export const readComparison: ReadComparison = async (query, source) => {
  const { site_id, to_previous, path, path_prefix, event_type, referrer_host } = query;
  const { asOfMs } = source;
  const { tz, days } = resolveBoundedRange(query, asOfMs);
  const filters = { path, path_prefix, event_type, referrer_host };
  const previousSpan = findPreviousSpan({ tz, days }, to_previous, asOfMs);
  const steps = [toSpan({ tz, days }) as Span, previousSpan];
  const answers = await Promise.all(
    steps.map((step) =>
      withSnapshot(source, site_id, step, (snapshot) =>
        countSteps(source, snapshot, { site_id, filters, steps: [step] }),
      ),
    ),
  );
  const [current, previous] = [toTotals(answers[0]), toTotals(answers[1])];
  const sources = new Set(answers.map(({ source }) => source));
  const [only = 'mixed'] = sources;
  return {
    meta: {
      ...createMeta(site_id, { tz, days }, asOfMs, sources.size > 1 ? 'mixed' : only),
      previous: {
        from: formatLocal(previousSpan.startMs, tz),
        to: formatLocal(previousSpan.endMs, tz),
      },
    },
    current,
    previous,
    change: {
      total_views: findChange(current.total_views, previous.total_views),
      unique_users: findChange(current.unique_users, previous.unique_users),
    },
  };
};

function toTotals(answer: StepsAnswer | undefined): Totals {
  const [counts] = answer?.counts ?? [];
  return { total_views: counts?.views ?? 0, unique_users: counts?.unique_users ?? 0 };
}

function findChange(current: number, previous: number): number | null {
  return previous === 0 ? null : (current - previous) / previous;
}
