import { type DimensionValue, TOTAL_DIMENSION } from '@analytics/rollups/documents';
import { createBitmapRefs } from '@analytics/rollups/userBitmapReader';
import type { Counts } from '@analytics/shared/stats';
import type { FilterQuery } from '@analytics/shared/statsQuery';
import type { PipelineStage } from 'mongoose';
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
import { createPace } from '../pace.ts';
import { estimateValueBytes } from '../reportMemory.ts';
import type { ReportSource } from '../reportSource.ts';
import type { Span } from '../timeRange.ts';
import { type AnswerSource, describeSource } from './coverage.ts';
import { type EventUsers, groupUsers, readLists, USERS_PER_REPLY } from './eventUsers.ts';
import { findFilterDimension } from './filterDimension.ts';
import { isCounted } from './readUsableCounts.ts';
import type { RollupSnapshot } from './rollupSnapshot.ts';
import { scanValues, type ValuesScan } from './scanValues.ts';
import { assertBitmapLimit } from './tooManyValues.ts';
import { countUnions, type UserUnion } from './userUnion.ts';
import { turnToPage } from './valuesPage.ts';

const VALUES_PER_REPLY = 5000;

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

/**
 * Counts the views and the users of the values of a dimension, the most views first, from rollups as far as
 * there are any.
 *
 * @throws RollupChangedError, RollupUnreadableError, MemoryShortError, TooManyValuesError for `withSnapshot`.
 */
export function countValues(
  source: ReportSource,
  snapshot: RollupSnapshot | undefined,
  question: ValuesQuestion,
): Promise<ValuesAnswer> {
  const filter = findFilterDimension(question.filters);
  const isOfDimension = filter?.dimension === TOTAL_DIMENSION || filter?.dimension === question.dimension;
  return snapshot && filter && isOfDimension && isCounted(snapshot, question.dimension)
    ? countCovered(source, snapshot, question)
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
  question: ValuesQuestion,
): Promise<ValuesAnswer> {
  const { site_id, filters, dimension, hasUsers } = question;
  const scan = await scanValues(source, snapshot, question);
  const { coverage, views } = scan;
  if (coverage.buckets.length === 0) {
    return countLive(source, question);
  }
  const raw = { site_id, span: coverage.raw, ...filters };
  const field = toField(dimension);
  if (coverage.raw.length > 0) {
    await addRawViews(source, snapshot, buildValueViewsPipeline(raw, field), views);
  }
  const { page, total, allViews } = await turnToPage(source, snapshot, views, question);
  const values = page.map(([value]) => value);
  const users = hasUsers ? await countUsers(source, snapshot, { scan, raw, field, values }) : [];
  return {
    allViews,
    total,
    rows: page.map(([value, views], index) => ({ value, views, unique_users: users[index] ?? 0 })),
    source: describeSource([coverage]),
  };
}

async function addRawViews(
  source: ReportSource,
  { memory }: RollupSnapshot,
  pipeline: PipelineStage[],
  views: Map<DimensionValue, number>,
): Promise<void> {
  const pace = createPace(source.signal);
  for await (const batch of source.stream<ValueViews>(pipeline, VALUES_PER_REPLY)) {
    for (const { _id, views: more } of batch) {
      const before = views.get(_id);
      if (before === undefined) {
        memory.take(estimateValueBytes(_id));
      }
      views.set(_id, (before ?? 0) + more);
    }
    if (pace.isDue()) {
      await pace.rest();
    }
  }
}

interface UsersQuestion {
  scan: ValuesScan;
  raw: EventSelection & { span: Span[] };
  field: string;
  values: readonly DimensionValue[];
}

/** Counts the users of each of some values. */
async function countUsers(
  source: ReportSource,
  snapshot: RollupSnapshot,
  { scan, raw, field, values }: UsersQuestion,
): Promise<number[]> {
  const { site, memory } = snapshot;
  const hasEvents = raw.span.length > 0;
  const unions = values.map((): UserUnion => ({ places: [], hasEvents }));
  const indexes = new Map(values.map((value, index) => [value, index]));
  const pace = createPace(source.signal);
  let places = 0;
  for await (const document of scan.documents.readWith(values)) {
    const toPlace = createBitmapRefs(document);
    for (const [place, value] of document.values.entries()) {
      const union = unions[indexes.get(value) ?? Number.NaN];
      if (union) {
        union.places.push(toPlace(place));
        places += 1;
      }
    }
    assertBitmapLimit(places);
    if (pace.isDue()) {
      await pace.rest();
    }
  }
  return countUnions({ source, site: site?.code, memory }, unions, () =>
    readUsersOfValues(source, snapshot, indexes, raw, field, values),
  );
}

/** The users of the values in events, by name. */
async function* readUsersOfValues(
  source: ReportSource,
  { memory }: RollupSnapshot,
  indexes: ReadonlyMap<DimensionValue, number>,
  ...[selection, field, values]: Parameters<typeof buildUsersOfValuesPipeline>
): AsyncGenerator<EventUsers> {
  const find = (value: DimensionValue) => indexes.get(value) ?? Number.NaN;
  if (!memory.isLarge) {
    const pipeline = buildUsersOfValuesPipeline(selection, field, values);
    for await (const { _id, users } of readLists<UsersOfValue>(source, pipeline)) {
      if (_id) {
        yield { index: find(_id.value), users };
      }
    }
    return;
  }
  const pipeline = buildLargeUsersOfValuesPipeline(selection, field, values);
  for await (const batch of source.stream<UserOfValue>(pipeline, USERS_PER_REPLY)) {
    yield* groupUsers(batch.map(({ _id: { value, user } }) => ({ index: find(value), user })));
  }
}
