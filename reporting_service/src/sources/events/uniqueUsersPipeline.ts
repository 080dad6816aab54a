import type { PipelineStage } from 'mongoose';
import { type EventSelection, matchEvents } from './matchEvents.ts';

/** The result: the number of users, and one more if any event is anonymous. */
export interface UserCount {
  _id: { is_anonymous: boolean };
  count: number;
}

/**
 * Counts the distinct users of a selection. Anonymous events are separated after the grouping: MongoDB would
 * move a match on users before it, where it costs as much again as the grouping.
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

/** The number of users in the result. */
export function readUserCount(counts: readonly UserCount[]): number {
  return counts.find(({ _id }) => !_id.is_anonymous)?.count ?? 0;
}
