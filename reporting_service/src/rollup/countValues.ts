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
import { takeFirst } from '../takeFirst.ts';
import type { Span } from '../timeRange.ts';
import { toBucketKey } from './bucketKey.ts';
import { compareValues } from './compareValues.ts';
import { type AnswerSource, describeSource } from './countSteps.ts';
import { cover } from './coverage.ts';
import { type FilterDimension, findFilterDimension } from './filterDimension.ts';
import { isCounted, readUsableCounts } from './readUsableCounts.ts';
import type { RollupSnapshot } from './rollupSnapshot.ts';
import { TooManyValuesError, unlessTooMany } from './tooManyValues.ts';
import { requireFewPlaces } from './userSetReader.ts';
import { addNames, countUnions, type UserSources } from './userUnion.ts';

/** As many as an hour that is rolled up may have. */
const MAX_RAW_VALUES = 100_000;

/** The end of the last page that is put in order here. */
const MAX_ORDERED_VALUES = 100_000;

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

/** Counts the views and the users of the values of a dimension, the most views first, from rollups as far as there are any. */
export function countValues(
  source: ReportSource,
  snapshot: RollupSnapshot | undefined,
  question: ValuesQuestion,
): Promise<ValuesAnswer> {
  const filter = findFilterDimension(question.filters);
  const isOfDimension = filter?.dimension === TOTALS || filter?.dimension === question.dimension;
  const readEvents = () => countLive(source, question);
  return snapshot && filter && isOfDimension && isCounted(snapshot, question.dimension)
    ? unlessTooMany(() => countCovered(source, snapshot, filter, question), readEvents)
    : readEvents();
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
  const views = sumUp(documents, filter);
  const raw = { site_id, span: coverage.raw, ...filters };
  const field = toField(dimension);
  if (coverage.raw.length > 0) {
    const found = await source.aggregate<ValueViews>(buildValueViewsPipeline(raw, field, MAX_RAW_VALUES + 1));
    if (found.length > MAX_RAW_VALUES) {
      throw new TooManyValuesError(`Events have more than ${MAX_RAW_VALUES} values of ${dimension}.`);
    }
    for (const { _id, views: more } of found) {
      views.set(_id, (views.get(_id) ?? 0) + more);
    }
  }
  const isFound = ([value]: ValueAndViews) =>
    search === undefined || (typeof value === 'string' && value.includes(search));
  const found = [...views].filter(isFound);
  const end = Math.min(offset + limit, found.length);
  if (end > MAX_ORDERED_VALUES && offset < found.length) {
    throw new TooManyValuesError(`The page ends behind ${MAX_ORDERED_VALUES} values.`);
  }
  const page = offset < found.length ? takeFirst(found, end, compareRows).slice(offset) : [];
  const values = page.map(([value]) => value);
  const users = hasUsers ? await countUsers(source, snapshot, { documents, raw, field, values }) : [];
  return {
    allViews: [...views.values()].reduce((sum, each) => sum + each, 0),
    total: found.length,
    rows: page.map(([value, views], index) => ({ value, views, unique_users: users[index] ?? 0 })),
    source: describeSource([coverage]),
  };
}

type ValueAndViews = [DimensionValue, number];

function compareRows([a, viewsOfA]: ValueAndViews, [b, viewsOfB]: ValueAndViews): number {
  return viewsOfB - viewsOfA || compareValues(a, b);
}

function sumUp(
  documents: readonly CountsDocument[],
  { dimension, passes }: FilterDimension,
): Map<DimensionValue, number> {
  const views = new Map<DimensionValue, number>();
  for (const document of documents) {
    for (const [index, value] of document.values.entries()) {
      if (dimension === TOTALS || passes(value)) {
        views.set(value, (views.get(value) ?? 0) + (document.views[index] ?? 0));
      }
    }
  }
  return views;
}

interface UsersQuestion {
  documents: readonly CountsDocument[];
  raw: EventSelection & { span: Span[] };
  field: string;
  values: readonly DimensionValue[];
}

/** Counts the users of each of some values. */
async function countUsers(
  source: ReportSource,
  snapshot: RollupSnapshot,
  { documents, raw, field, values }: UsersQuestion,
): Promise<number[]> {
  const unions = new Map(
    values.map((value): [DimensionValue, UserSources] => [value, { places: [], names: [] }]),
  );
  let places = 0;
  for (const document of documents) {
    for (const [index, value] of document.values.entries()) {
      const union = unions.get(value);
      if (union) {
        union.places.push({ document, index });
        places += 1;
      }
    }
  }
  requireFewPlaces(places);
  if (raw.span.length > 0 && values.length > 0) {
    for (const { _id, users } of await readUsersOfValues(source, raw, field, values)) {
      const union = _id && unions.get(_id.value);
      if (union) {
        addNames(union.names, users);
      }
    }
  }
  return countUnions(source.rollups, snapshot.site?.number, [...unions.values()]);
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
