import { type CountsDocument, type DimensionValue, TOTALS } from '@analytics/shared/rollup/rollupCollections';
import type { Counts, FilterQuery } from '@analytics/shared/stats';
import {
  type BreakdownFacets,
  buildBreakdownPipeline,
  buildLargeUsersOfValuesPipeline,
  buildLargeValueUsersPipeline,
  buildUsersOfValuesPipeline,
  buildValueUsersPipeline,
  buildValueViewsPipeline,
  type UserOfValue,
  type UsersOfValue,
  type ValueUsers,
  type ValueViews,
} from '../aggregations/breakdownPipeline.ts';
import type { EventSelection } from '../aggregations/matchEvents.ts';
import type { ReportSource } from '../eventReader.ts';
import type { Span } from '../timeRange.ts';
import { toBucketKey } from './bucketKey.ts';
import { compareValues } from './compareValues.ts';
import { type AnswerSource, describeSource } from './countSteps.ts';
import { cover } from './coverage.ts';
import { type FilterDimension, findFilterDimension } from './filterDimension.ts';
import { readUsableCounts } from './readUsableCounts.ts';
import type { RollupSnapshot } from './rollupSnapshot.ts';
import type { UsersPlace } from './userSetReader.ts';
import { addNames, countUnions } from './userUnion.ts';

export interface ValuesQuestion {
  site_id: string;
  filters: FilterQuery;
  span: Span;
  dimension: string;
  limit: number;
  offset: number;
  /** Only values that contain this text. */
  search?: string | undefined;
  /** Whether the users of each value are asked for. */
  hasUsers: boolean;
}

export interface ValuesAnswer {
  /** All views that passed the filters. */
  allViews: number;
  /** How many distinct values there are. */
  total: number;
  rows: ({ value: DimensionValue } & Counts)[];
  source: AnswerSource;
}

interface ValueSum {
  views: number;
  places: UsersPlace[];
}

/** Counts the views and the users of the values of a dimension, the most views first, from rollups as far as there are any. */
export function countValues(
  source: ReportSource,
  snapshot: RollupSnapshot | undefined,
  question: ValuesQuestion,
): Promise<ValuesAnswer> {
  const filter = findFilterDimension(question.filters);
  const isOfDimension = filter?.dimension === TOTALS || filter?.dimension === question.dimension;
  return snapshot && filter && isOfDimension
    ? countCovered(source, snapshot, filter, question)
    : countLive(source, question);
}

/** The field of the stored event that a dimension reads. */
function toField(dimension: string): string {
  return dimension.replace(/^property:/, 'properties.');
}

async function countLive(source: ReportSource, question: ValuesQuestion): Promise<ValuesAnswer> {
  const { site_id, filters, span, dimension, limit, offset, search, hasUsers } = question;
  const selection = { site_id, span, ...filters };
  const field = toField(dimension);
  const page = { field, limit, offset, search };
  const [facets] = await source.aggregate<BreakdownFacets>(buildBreakdownPipeline(selection, page));
  const rows = facets?.rows ?? [];
  const values = rows.map(({ value }) => value);
  const users = hasUsers && rows.length > 0 ? await readValueUsers(source, selection, field, values) : [];
  const usersOf = new Map<DimensionValue, number>();
  for (const { _id, unique_users } of users) {
    if (_id) {
      usersOf.set(_id.value, unique_users);
    }
  }
  return {
    allViews: facets?.all_views[0]?.sum ?? 0,
    total: facets?.total[0]?.count ?? 0,
    rows: rows.map(({ value, views }) => ({ value, views, unique_users: usersOf.get(value) ?? 0 })),
    source: 'live',
  };
}

async function readValueUsers(
  { aggregate, tryAggregate }: ReportSource,
  ...question: Parameters<typeof buildValueUsersPipeline>
): Promise<ValueUsers[]> {
  return (
    (await tryAggregate<ValueUsers>(buildValueUsersPipeline(...question))) ??
    (await aggregate<ValueUsers>(buildLargeValueUsersPipeline(...question)))
  );
}

async function countCovered(
  source: ReportSource,
  snapshot: RollupSnapshot,
  filter: FilterDimension,
  question: ValuesQuestion,
): Promise<ValuesAnswer> {
  const { site_id, filters, span, dimension, limit, offset, search, hasUsers } = question;
  const { counts, isUsable } = await readUsableCounts(
    snapshot,
    dimension,
    (isUsed) => cover(span, isUsed).buckets,
  );
  const coverage = cover(span, isUsable);
  if (coverage.buckets.length === 0) {
    return countLive(source, question);
  }
  const documents = coverage.buckets.flatMap((bucket) => counts.get(toBucketKey(bucket)) ?? []);
  const sums = sumUp(documents, filter);
  const raw = { site_id, span: coverage.raw, ...filters };
  if (coverage.raw.length > 0) {
    for (const { _id, views } of await source.aggregate<ValueViews>(
      buildValueViewsPipeline(raw, toField(dimension)),
    )) {
      addViews(sums, _id, views);
    }
  }
  const found = [...sums].filter(
    ([value]) => search === undefined || (typeof value === 'string' && value.includes(search)),
  );
  const page = found
    .sort(([a, { views: viewsOfA }], [b, { views: viewsOfB }]) => viewsOfB - viewsOfA || compareValues(a, b))
    .slice(offset, offset + limit);
  const users = hasUsers
    ? await countUsers(source, snapshot.site?.number, page, raw, toField(dimension))
    : [];
  return {
    allViews: [...sums.values()].reduce((sum, { views }) => sum + views, 0),
    total: found.length,
    rows: page.map(([value, { views }], index) => ({ value, views, unique_users: users[index] ?? 0 })),
    source: describeSource([coverage]),
  };
}

function sumUp(
  documents: readonly CountsDocument[],
  { dimension, passes }: FilterDimension,
): Map<DimensionValue, ValueSum> {
  const sums = new Map<DimensionValue, ValueSum>();
  for (const document of documents) {
    for (const [index, value] of document.values.entries()) {
      if (dimension === TOTALS || passes(value)) {
        addViews(sums, value, document.views[index] ?? 0).places.push({ document, index });
      }
    }
  }
  return sums;
}

function addViews(sums: Map<DimensionValue, ValueSum>, value: DimensionValue, views: number): ValueSum {
  const sum = sums.get(value) ?? { views: 0, places: [] };
  sum.views += views;
  sums.set(value, sum);
  return sum;
}

async function countUsers(
  source: ReportSource,
  site: number | undefined,
  page: readonly [DimensionValue, ValueSum][],
  raw: EventSelection & { span: Span[] },
  field: string,
): Promise<number[]> {
  const names = new Map<DimensionValue, string[]>(page.map(([value]) => [value, []]));
  if (raw.span.length > 0 && page.length > 0) {
    for (const { _id, users } of await readUsersOfValues(source, raw, field, [...names.keys()])) {
      const ofValue = _id && names.get(_id.value);
      if (ofValue) {
        addNames(ofValue, users);
      }
    }
  }
  const unions = page.map(([value, { places }]) => ({ places, names: names.get(value) ?? [] }));
  return countUnions(source.rollups, site, unions);
}

async function readUsersOfValues(
  { aggregate, tryAggregate }: ReportSource,
  ...question: Parameters<typeof buildUsersOfValuesPipeline>
): Promise<UsersOfValue[]> {
  const found = await tryAggregate<UsersOfValue>(buildUsersOfValuesPipeline(...question));
  if (found) {
    return found;
  }
  const singly = await aggregate<UserOfValue>(buildLargeUsersOfValuesPipeline(...question));
  return singly.map(({ _id: { value, user } }) => ({ _id: { value }, users: [user] }));
}
