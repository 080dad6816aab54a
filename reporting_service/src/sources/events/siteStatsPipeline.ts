import type { PipelineStage } from 'mongoose';

import { type EventSelection, matchEvents } from './matchEvents.ts';

/** The one document that the pipeline returns. A facet without any input is an empty array. */
export interface SiteStatsFacets {
  total_views: { count: number }[];
  top_paths: { path: string; views: number }[];
}

/**
 * Builds the pipeline behind `GET /stats`. Events are grouped by path before the facets, because `$facet`
 * copies every input document. Distinct users are counted at the same time by another command
 * (uniqueUsersPipeline.ts), on another core.
 */
export function buildSiteStatsPipeline(
  selection: EventSelection,
  topPathsLimit: number,
): [PipelineStage.Match, PipelineStage.Group, PipelineStage.Facet] {
  return [matchEvents(selection), groupByPath(), pickFacets(topPathsLimit)];
}

function groupByPath(): PipelineStage.Group {
  return { $group: { _id: '$path', views: { $sum: 1 } } };
}

function pickFacets(topPathsLimit: number): PipelineStage.Facet {
  return {
    $facet: {
      total_views: [{ $group: { _id: null, count: { $sum: '$views' } } }],
      top_paths: [
        { $sort: { views: -1, _id: 1 } },
        { $limit: topPathsLimit },
        { $project: { _id: 0, path: '$_id', views: 1 } },
      ],
    },
  };
}
