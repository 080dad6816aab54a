import type { SiteStats, SiteStatsRange, StatsQuery } from '@analytics/shared/stats';
import { buildSiteStatsPipeline, type SiteStatsFacets } from '../aggregations/siteStatsPipeline.ts';
import type { EventReader } from '../eventReader.ts';
import { resolveRange, type TimeRange, toSpan } from '../timeRange.ts';

export interface SiteStatsOptions {
  /** How many paths it names. */
  topPathsLimit: number;
  /** Milliseconds since 1970. */
  now: () => number;
}

export type ReadSiteStats = (query: StatsQuery) => Promise<SiteStats & Partial<SiteStatsRange>>;

/** Makes the report behind `GET /stats`. */
export function createSiteStats(
  { aggregate }: EventReader,
  { topPathsLimit, now }: SiteStatsOptions,
): ReadSiteStats {
  return async function readSiteStats(query) {
    const { site_id, date, from, to: _, period, tz, ...filters } = query;
    const range = resolveRange(query, now());
    const selection = { site_id, span: toSpan(range), ...filters };
    const [facets] = await aggregate<SiteStatsFacets>(buildSiteStatsPipeline(selection, topPathsLimit));
    return {
      site_id,
      date: date ?? null,
      ...([from, period, tz].some((parameter) => parameter !== undefined) && describeRange(range)),
      total_views: facets?.total_views[0]?.count ?? 0,
      unique_users: facets?.unique_users[0]?.count ?? 0,
      top_paths: facets?.top_paths.map(({ path, views }) => ({ path, views })) ?? [],
    };
  };
}

function describeRange({ tz, days }: TimeRange): SiteStatsRange {
  return {
    from: days ? String(days.firstDay) : null,
    to: days ? String(days.lastDay) : null,
    tz,
  };
}
