import type { ReportContext } from '../../database/reportContext.ts';
import type { EventSelection } from './matchEvents.ts';
import { buildSiteStatsPipeline, type SiteStatsFacets } from './siteStatsPipeline.ts';
import { buildUniqueUsersPipeline, readUserCount, type UserCount } from './uniqueUsersPipeline.ts';

/** The totals of a selection and its paths with the most views. */
export interface SiteCounts {
  views: number;
  unique_users: number;
  topPaths: { path: string; views: number }[];
}

/** Counts views and paths with one `$facet`, and users beside it. */
export async function countSite(
  { aggregate }: ReportContext,
  selection: EventSelection,
  topPathsLimit: number,
): Promise<SiteCounts> {
  const [[facets], users] = await Promise.all([
    aggregate<SiteStatsFacets>(buildSiteStatsPipeline(selection, topPathsLimit)),
    aggregate<UserCount>(buildUniqueUsersPipeline(selection)),
  ]);
  return {
    views: facets?.total_views[0]?.count ?? 0,
    unique_users: readUserCount(users),
    topPaths: facets?.top_paths ?? [],
  };
}
