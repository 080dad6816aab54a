import type { PropertyValue } from '@analytics/shared/event/eventProperties';
import type { PipelineStage } from 'mongoose';
import { leaveOutLongLists } from './longLists.ts';
import { type EventSelection, escapePattern, matchEvents } from './matchEvents.ts';

export interface BreakdownPage {
  /** The field of the stored event. */
  field: string;
  limit: number;
  offset: number;
  /** Only values that contain this text. */
  search?: string | undefined;
}

/** The one document that the pipeline returns. A facet without any input is an empty array. */
export interface BreakdownFacets {
  all_views: { sum: number }[];
  total: { count: number }[];
  rows: { value: PropertyValue | null; views: number }[];
}

/** Counts the views of each value of a field, and gives one page of the values with the most. */
export function buildBreakdownPipeline(selection: EventSelection, page: BreakdownPage): PipelineStage[] {
  return [matchEvents(selection), groupByValue(page.field), pageFacets(page)];
}

/** An event without the field counts as one whose value is null. */
function groupByValue(field: string): PipelineStage.Group {
  return { $group: { _id: readValue(field), views: { $sum: 1 } } };
}

/** The result for each value. */
export interface ValueViews {
  _id: PropertyValue | null;
  views: number;
}

/** Counts the views of each value of a field, to be merged with views from rollups. */
export function buildValueViewsPipeline(selection: EventSelection, field: string): PipelineStage[] {
  return [matchEvents(selection), groupByValue(field)];
}

function pageFacets({ search, limit, offset }: BreakdownPage): PipelineStage.Facet {
  const found: PipelineStage.FacetPipelineStage[] =
    search === undefined ? [] : [{ $match: { _id: { $regex: escapePattern(search) } } }];
  return {
    $facet: {
      all_views: [{ $group: { _id: null, sum: { $sum: '$views' } } }],
      total: [...found, { $count: 'count' }],
      rows: [
        ...found,
        { $sort: { views: -1, _id: 1 } },
        { $skip: offset },
        { $limit: limit },
        { $project: { _id: 0, value: '$_id', views: 1 } },
      ],
    },
  };
}

/** The result for each wanted value with users, and for all other values together. */
export interface ValueUsers {
  /** Null: all other values. */
  _id: { value: PropertyValue | null } | null;
  unique_users: number;
}

/** Counts the distinct users of each of some values. The users of a value are a set in memory. */
export function buildValueUsersPipeline(
  selection: EventSelection,
  field: string,
  values: readonly (PropertyValue | null)[],
): PipelineStage[] {
  return [matchEvents(selection), pickValues(field, values), collectUsers(), countUsers()];
}

/** Counts the same, and uses the disk for any number of users. */
export function buildSpillingValueUsersPipeline(
  selection: EventSelection,
  field: string,
  values: readonly (PropertyValue | null)[],
): PipelineStage[] {
  return [
    ...buildSpillingUsersOfValuesPipeline(selection, field, values),
    { $group: { _id: { value: '$_id.value' }, unique_users: { $sum: 1 } } },
  ];
}

/** The result for each wanted value, and for all other values together. */
export interface UsersOfValue {
  /** Null: all other values. */
  _id: { value: PropertyValue | null } | null;
  /** Absent if the list is too long. */
  users?: (string | null)[];
}

/** Lists the distinct users of some values, one document for each value. */
export function buildUsersOfValuesPipeline(
  selection: EventSelection,
  field: string,
  values: readonly (PropertyValue | null)[],
): PipelineStage[] {
  return [matchEvents(selection), pickValues(field, values), collectUsers(), leaveOutLongLists()];
}

/** The result for each user of each wanted value. */
export interface UserOfValue {
  _id: { value: PropertyValue | null; user: string };
}

/** Lists the same users one by one, and uses the disk for any number of users. */
export function buildSpillingUsersOfValuesPipeline(
  selection: EventSelection,
  field: string,
  values: readonly (PropertyValue | null)[],
): PipelineStage[] {
  const value = readValue(field);
  return [
    matchEvents(selection),
    { $group: { _id: { $cond: [isWanted(value, values), { value, user: '$user_id' }, null] } } },
    { $match: { '_id.user': { $ne: null } } },
  ];
}

/**
 * Keeps the wanted values and replaces the others by null. A `$match` would be slower: no index serves it
 * together with the selection, and the values with the most views have most of the documents. Each event is
 * compared once with the list of values, which may have a thousand.
 */
function pickValues(field: string, values: readonly (PropertyValue | null)[]): PipelineStage.Project {
  const value = readValue(field);
  return { $project: { _id: 0, wanted: { $cond: [isWanted(value, values), { value }, null] }, user_id: 1 } };
}

/** The other values share one group, whose user set stays empty. */
function collectUsers(): PipelineStage.Group {
  return {
    $group: { _id: '$wanted', users: { $addToSet: { $cond: ['$wanted', '$user_id', null] } } },
  };
}

function countUsers(): PipelineStage.Project {
  const anonymous = { $cond: [{ $in: [null, '$users'] }, 1, 0] };
  return { $project: { unique_users: { $subtract: [{ $size: '$users' }, anonymous] } } };
}

function readValue(field: string) {
  return { $ifNull: [`$${field}`, null] };
}

function isWanted(value: unknown, values: readonly (PropertyValue | null)[]) {
  return { $in: [value, { $literal: values }] };
}
