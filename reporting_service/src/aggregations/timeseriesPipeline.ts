import type { PipelineStage } from 'mongoose';
import type { Span } from '../timeRange.ts';
import { leaveOutLongLists } from './longLists.ts';
import { type EventSelection, matchEvents } from './matchEvents.ts';

/** What the pipeline returns for each step in which anything happened, in any order. */
export interface StepCounts {
  /** The step's place in the list that the pipeline was built from. */
  _id: number;
  views: number;
  unique_users: number;
}

/**
 * Counts the views and the distinct users of each of some steps, which follow each other without a gap. The
 * users of a step are a set in memory.
 */
export function buildTimeseriesPipeline(selection: EventSelection, steps: readonly Span[]): PipelineStage[] {
  return [matchEvents(selection), collectUsersOfSteps(steps), countUsersOfSteps()];
}

/** Counts the same; however many users there are. */
export function buildLargeTimeseriesPipeline(
  selection: EventSelection,
  steps: readonly Span[],
): PipelineStage[] {
  return [matchEvents(selection), groupByStepAndUser(steps), sumUpSteps()];
}

/**
 * What the pipeline of users returns for each step in which anything happened. Null stands for all anonymous
 * views.
 */
export interface StepUsers {
  _id: number;
  views: number;
  /** Absent if the list is too long. */
  users?: (string | null)[];
}

/**
 * Names the distinct users of each step, for who unites them with users from elsewhere. A step is one
 * document.
 */
export function buildStepUsersPipeline(selection: EventSelection, steps: readonly Span[]): PipelineStage[] {
  return [matchEvents(selection), collectUsersOfSteps(steps), leaveOutLongLists()];
}

/** What the large pipeline of users returns for each user of each step. */
export interface StepUser {
  _id: { step: number; user: string | null };
  views: number;
}

/** Names the same; however many users there are. */
export function buildLargeStepUsersPipeline(
  selection: EventSelection,
  steps: readonly Span[],
): PipelineStage[] {
  return [matchEvents(selection), groupByStepAndUser(steps)];
}

function collectUsersOfSteps(steps: readonly Span[]): PipelineStage.Group {
  return {
    $group: {
      _id: findStep(steps, 0, steps.length - 1),
      views: { $sum: 1 },
      users: { $addToSet: '$user_id' },
    },
  };
}

function countUsersOfSteps(): PipelineStage.Project {
  const anonymous = { $cond: [{ $in: [null, '$users'] }, 1, 0] };
  return { $project: { views: 1, unique_users: { $subtract: [{ $size: '$users' }, anonymous] } } };
}

function groupByStepAndUser(steps: readonly Span[]): PipelineStage.Group {
  return {
    $group: {
      // A field that an event of another producer lacks would not be null.
      _id: { step: findStep(steps, 0, steps.length - 1), user: { $ifNull: ['$user_id', null] } },
      views: { $sum: 1 },
    },
  };
}

/**
 * The expression that finds an event's step by halving. The steps' ends come from here, so that MongoDB's own
 * table of time zones, which may be another edition, decides nothing.
 */
function findStep(steps: readonly Span[], first: number, last: number): unknown {
  if (first === last) {
    return { $literal: first };
  }
  const middle = Math.ceil((first + last) / 2);
  const start = new Date(steps[middle]?.startMs ?? 0);
  return {
    $cond: [
      { $lt: ['$timestamp', start] },
      findStep(steps, first, middle - 1),
      findStep(steps, middle, last),
    ],
  };
}

function sumUpSteps(): PipelineStage.Group {
  return {
    $group: {
      _id: '$_id.step',
      views: { $sum: '$views' },
      unique_users: { $sum: { $cond: [{ $eq: ['$_id.user', null] }, 0, 1] } },
    },
  };
}
