import type { SiteStats, SiteStatsRange } from '@analytics/shared/stats';
import type { FilterQuery, StatsQuery } from '@analytics/shared/statsQuery';
import { buildSiteStatsPipeline, type SiteStatsFacets } from '../aggregations/siteStatsPipeline.ts';
import {
  buildUniqueUsersPipeline,
  readUserCount,
  type UserCount,
} from '../aggregations/uniqueUsersPipeline.ts';
import type { ReportSource } from '../reportSource.ts';
import { countSteps } from '../rollup/countSteps.ts';
import { countValues } from '../rollup/countValues.ts';
import { cover } from '../rollup/coverage.ts';
import type { RollupSnapshot } from '../rollup/rollupSnapshot.ts';
import { withSnapshot } from '../rollup/withSnapshot.ts';
import { resolveRange, type Span, type TimeRange, toSpan } from '../timeRange.ts';
import { findSpan } from './findSpan.ts';

export interface SiteStatsOptions {
  /** How many paths it names. */
  topPathsLimit: number;
}

export type ReadSiteStats = (
  query: StatsQuery,
  source: ReportSource,
) => Promise<SiteStats & Partial<SiteStatsRange>>;

/** Makes the report behind `GET /stats`. */
export function createSiteStats({ topPathsLimit }: SiteStatsOptions): ReadSiteStats {
  return async function readSiteStats(query, source) {
    const { site_id, date, from, to: _, period, tz, ...filters } = query;
    const range = resolveRange(query, source.asOfMs);
    const counts = await countSiteStats(source, { site_id, range, filters, topPathsLimit });
    return {
      site_id,
      date: date ?? null,
      ...([from, period, tz].some((parameter) => parameter !== undefined) && describeRange(range)),
      ...counts,
    };
  };
}

interface SiteStatsQuestion {
  site_id: string;
  range: TimeRange;
  filters: FilterQuery;
  topPathsLimit: number;
}

type SiteStatsCounts = Pick<SiteStats, 'total_views' | 'unique_users' | 'top_paths'>;

async function countSiteStats(source: ReportSource, question: SiteStatsQuestion): Promise<SiteStatsCounts> {
  const span = await findSpan(source, question.site_id, question.range);
  return withSnapshot(source, question.site_id, span, (snapshot) =>
    snapshot && cover(span, snapshot.isFresh).buckets.length > 0
      ? countCovered(source, snapshot, { ...question, span })
      : countLive(source, question),
  );
}

/** Totals and paths, each from its rollups as far as there are any. */
async function countCovered(
  source: ReportSource,
  snapshot: RollupSnapshot,
  { site_id, filters, topPathsLimit, span }: SiteStatsQuestion & { span: Span },
): Promise<SiteStatsCounts> {
  const page = { dimension: 'path', limit: topPathsLimit, offset: 0, hasUsers: false };
  const [totals, paths] = await Promise.all([
    countSteps(source, snapshot, { site_id, filters, steps: [span] }),
    countValues(source, snapshot, { site_id, filters, span, ...page }),
  ]);
  return {
    total_views: totals.counts[0]?.views ?? 0,
    unique_users: totals.counts[0]?.unique_users ?? 0,
    top_paths: paths.rows.map(({ value, views }) => ({ path: String(value), views })),
  };
}

async function countLive(
  { aggregate }: ReportSource,
  { site_id, range, filters, topPathsLimit }: SiteStatsQuestion,
): Promise<SiteStatsCounts> {
  const selection = { site_id, span: toSpan(range), ...filters };
  const [[facets], users] = await Promise.all([
    aggregate<SiteStatsFacets>(buildSiteStatsPipeline(selection, topPathsLimit)),
    aggregate<UserCount>(buildUniqueUsersPipeline(selection)),
  ]);
  return {
    total_views: facets?.total_views[0]?.count ?? 0,
    unique_users: readUserCount(users),
    top_paths: facets?.top_paths.map(({ path, views }) => ({ path, views })) ?? [],
  };
}

function describeRange({ tz, days }: TimeRange): SiteStatsRange {
  return {
    from: days ? String(days.firstDay) : null,
    to: days ? String(days.lastDay) : null,
    tz,
  };
}
