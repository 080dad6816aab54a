import type { TimeSpan } from '@analytics/rollups/calendar';
import type { PipelineStage } from 'mongoose';
import { leaveOutLongLists } from './longLists.ts';
import { type EventSelection, matchEvents } from './matchEvents.ts';

/** The result for each interval that has events, in no particular order. */
export interface IntervalCountsDocument {
  /** The index of the interval. */
  _id: number;
  views: number;
  unique_users: number;
}

/**
 * Counts the views and users of intervals that follow each other without a gap. Holds each user set in
 * memory.
 */
export function buildIntervalPipeline(
  selection: EventSelection,
  intervals: readonly TimeSpan[],
): PipelineStage[] {
  return [matchEvents(selection), collectUsers(intervals), countUsers()];
}

/** Counts the same, and uses the disk for any number of users. */
export function buildSpillingIntervalPipeline(
  selection: EventSelection,
  intervals: readonly TimeSpan[],
): PipelineStage[] {
  return [matchEvents(selection), groupByIntervalAndUser(intervals), sumUpIntervals()];
}

/** The result for each interval that has events. A null user means all anonymous events. */
export interface IntervalUsersDocument {
  _id: number;
  views: number;
  /** Missing if the list is too long. */
  users?: (string | null)[];
}

/** Lists the distinct users of each interval, one document for each. */
export function buildIntervalUsersPipeline(
  selection: EventSelection,
  intervals: readonly TimeSpan[],
): PipelineStage[] {
  return [matchEvents(selection), collectUsers(intervals), leaveOutLongLists()];
}

/** The result for each user of each interval. */
export interface IntervalUserDocument {
  _id: { interval: number; user: string | null };
  views: number;
}

/** Lists the same users one by one, and uses the disk for any number of users. */
export function buildSpillingIntervalUsersPipeline(
  selection: EventSelection,
  intervals: readonly TimeSpan[],
): PipelineStage[] {
  return [matchEvents(selection), groupByIntervalAndUser(intervals)];
}

function collectUsers(intervals: readonly TimeSpan[]): PipelineStage.Group {
  return {
    $group: {
      _id: findInterval(intervals, 0, intervals.length - 1),
      views: { $sum: 1 },
      users: { $addToSet: '$user_id' },
    },
  };
}

function countUsers(): PipelineStage.Project {
  const anonymous = { $cond: [{ $in: [null, '$users'] }, 1, 0] };
  return { $project: { views: 1, unique_users: { $subtract: [{ $size: '$users' }, anonymous] } } };
}

function groupByIntervalAndUser(intervals: readonly TimeSpan[]): PipelineStage.Group {
  return {
    $group: {
      // An event of a foreign producer may lack the field, which then would not be null.
      _id: {
        interval: findInterval(intervals, 0, intervals.length - 1),
        user: { $ifNull: ['$user_id', null] },
      },
      views: { $sum: 1 },
    },
  };
}

/**
 * The expression that finds an event's interval by binary search. The bounds come from here, because
 * MongoDB's time zone tables may be of another version.
 */
function findInterval(intervals: readonly TimeSpan[], first: number, last: number): unknown {
  if (first === last) {
    return { $literal: first };
  }
  const middle = Math.ceil((first + last) / 2);
  const start = new Date(intervals[middle]?.startMs ?? 0);
  return {
    $cond: [
      { $lt: ['$timestamp', start] },
      findInterval(intervals, first, middle - 1),
      findInterval(intervals, middle, last),
    ],
  };
}

function sumUpIntervals(): PipelineStage.Group {
  return {
    $group: {
      _id: '$_id.interval',
      views: { $sum: '$views' },
      unique_users: { $sum: { $cond: [{ $eq: ['$_id.user', null] }, 0, 1] } },
    },
  };
}
