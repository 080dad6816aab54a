import type { PipelineStage } from 'mongoose';
import { type EventSelection, matchEvents } from './matchEvents.ts';

/** What the pipeline returns: how many users there are, and, if any event is anonymous, one document more. */
export interface UserCount {
  _id: { is_anonymous: boolean };
  count: number;
}

/**
 * Counts the distinct users of a selection. The anonymous events are told apart after the grouping: a match
 * on users would be moved before it, and costs as much again as the grouping.
 */
export function buildUniqueUsersPipeline(selection: EventSelection): PipelineStage[] {
  return [matchEvents(selection), groupByUser(), countUsers()];
}

function groupByUser(): PipelineStage.Group {
  return { $group: { _id: '$user_id' } };
}

function countUsers(): PipelineStage.Group {
  return { $group: { _id: { is_anonymous: { $eq: ['$_id', null] } }, count: { $sum: 1 } } };
}

/** The users among what the pipeline returned. */
export function readUserCount(counts: readonly UserCount[]): number {
  return counts.find(({ _id }) => !_id.is_anonymous)?.count ?? 0;
}
