import type { PathViews } from '@analytics/shared/stats';
import type { PipelineStage } from 'mongoose';
import { type EventSelection, matchEvents } from './matchEvents.ts';

/** The one document that the pipeline returns. A facet without any input is an empty array. */
export interface SiteStatsFacets {
  total_views: { count: number }[];
  unique_users: { count: number }[];
  top_paths: PathViews[];
}

/** Builds the single pipeline behind `GET /stats`. */
export function buildSiteStatsPipeline(
  selection: EventSelection,
  topPathsLimit: number,
): [PipelineStage.Match, PipelineStage.Project, PipelineStage.Facet] {
  return [matchEvents(selection), keepCountedFields(), countFacets(topPathsLimit)];
}

// A facet holds its input in memory, so only what the facets count goes in. Both fields stand in the index that the match
// uses, so no document is fetched.
function keepCountedFields(): PipelineStage.Project {
  return { $project: { _id: 0, path: 1, user_id: 1 } };
}

function countFacets(topPathsLimit: number): PipelineStage.Facet {
  return {
    $facet: {
      total_views: [{ $count: 'count' }],
      unique_users: [
        { $match: { user_id: { $ne: null } } },
        { $group: { _id: '$user_id' } },
        { $count: 'count' },
      ],
      top_paths: [
        { $group: { _id: '$path', views: { $sum: 1 } } },
        { $sort: { views: -1, _id: 1 } },
        { $limit: topPathsLimit },
        { $project: { _id: 0, path: '$_id', views: 1 } },
      ],
    },
  };
}
