import type { PipelineStage } from 'mongoose';
import { type EventSelection, matchEvents } from './matchEvents.ts';

/** The one document that the pipeline returns, unless no event matches. */
export interface EventTotals {
  views: number;
  unique_users: number;
}

/** Counts the views and the distinct users of a selection. */
export function buildTotalsPipeline(selection: EventSelection): PipelineStage[] {
  return [matchEvents(selection), groupByUser(), sumUp()];
}

function groupByUser(): PipelineStage.Group {
  return { $group: { _id: '$user_id', views: { $sum: 1 } } };
}

/** The group of no user holds the anonymous views. */
function sumUp(): PipelineStage.Group {
  return {
    $group: {
      _id: null,
      views: { $sum: '$views' },
      unique_users: { $sum: { $cond: [{ $eq: ['$_id', null] }, 0, 1] } },
    },
  };
}
