import { type DimensionValue, TOTALS } from '@analytics/shared/rollup/rollupCollections';
import type { Counts, FilterQuery } from '@analytics/shared/stats';
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
import { LISTS_PER_REPLY } from '../aggregations/longLists.ts';
import type { EventSelection } from '../aggregations/matchEvents.ts';
import type { ReportSource } from '../eventReader.ts';
import { createPace } from '../pace.ts';
import { estimateValueBytes } from '../reportMemory.ts';
import { takeFirst } from '../takeFirst.ts';
import type { Span } from '../timeRange.ts';
import { compareValues } from './compareValues.ts';
import { type AnswerSource, describeSource } from './countSteps.ts';
import { type EventUsers, USERS_PER_REPLY, untilTooLarge } from './eventUsers.ts';
import { findFilterDimension } from './filterDimension.ts';
import { isCounted } from './readUsableCounts.ts';
import type { RollupSnapshot } from './rollupSnapshot.ts';
import { scanValues, type ValuesScan } from './scanValues.ts';
import { TooManyValuesError, unlessTooMany } from './tooManyValues.ts';
import { createPlaces, requireFewPlaces } from './userSetReader.ts';
import { countUnions, type UserUnion } from './userUnion.ts';

const VALUES_PER_REPLY = 5000;

/** So many values are looked at between two looks at the clock. */
const VALUES_PER_LOOK = 256;

/** What a value takes that is put in order: twice, a row and its place in a list. */
const ORDERED_VALUE_BYTES = 150;

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
    ? unlessTooMany(() => countCovered(source, snapshot, question), readEvents)
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
  for await (const { _id, views: more } of source.stream<ValueViews>(pipeline, VALUES_PER_REPLY)) {
    const before = views.get(_id);
    if (before === undefined) {
      memory.take(estimateValueBytes(_id));
    }
    views.set(_id, (before ?? 0) + more);
    if (pace.isDue()) {
      await pace.rest();
    }
  }
}

type ValueAndViews = [DimensionValue, number];

function compareRows([a, viewsOfA]: ValueAndViews, [b, viewsOfB]: ValueAndViews): number {
  return viewsOfB - viewsOfA || compareValues(a, b);
}

/** @throws TooManyValuesError if the page ends behind too many values. */
async function turnToPage(
  { signal }: ReportSource,
  { memory }: RollupSnapshot,
  views: ReadonlyMap<DimensionValue, number>,
  { limit, offset, search }: ValuesQuestion,
) {
  const isFound = (value: DimensionValue) =>
    search === undefined || (typeof value === 'string' && value.includes(search));
  const pace = createPace(signal);
  async function forEachFound(use: (row: ValueAndViews) => void): Promise<void> {
    let seen = 0;
    for (const row of views) {
      if (isFound(row[0])) {
        use(row);
      }
      seen += 1;
      if (seen % VALUES_PER_LOOK === 0 && pace.isDue()) {
        await pace.rest();
      }
    }
  }

  let total = 0;
  await forEachFound(() => {
    total += 1;
  });
  const end = Math.min(offset + limit, total);
  if (end > MAX_ORDERED_VALUES && offset < total) {
    throw new TooManyValuesError(`The page ends behind ${MAX_ORDERED_VALUES} values.`);
  }
  let page: ValueAndViews[] = [];
  if (offset < total) {
    const first = takeFirst(end, compareRows);
    memory.take(end * ORDERED_VALUE_BYTES);
    await forEachFound(first.add);
    page = first.list().slice(offset);
    memory.give(end * ORDERED_VALUE_BYTES);
  }
  let allViews = 0;
  for (const each of views.values()) {
    allViews += each;
  }
  return { page, total, allViews };
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
  { site, memory }: RollupSnapshot,
  { scan, raw, field, values }: UsersQuestion,
): Promise<number[]> {
  const hasEvents = raw.span.length > 0;
  const unions = values.map((): UserUnion => ({ places: [], hasEvents }));
  const indexes = new Map(values.map((value, index) => [value, index]));
  const pace = createPace(source.signal);
  let places = 0;
  for await (const document of scan.documents.readWith(values)) {
    const toPlace = createPlaces(document);
    for (const [place, value] of document.values.entries()) {
      const union = unions[indexes.get(value) ?? Number.NaN];
      if (union) {
        union.places.push(toPlace(place));
        places += 1;
      }
    }
    requireFewPlaces(places);
    if (pace.isDue()) {
      await pace.rest();
    }
  }
  return countUnions({ source, site: site?.number, memory }, unions, () =>
    readUsersOfValues(source, raw, field, indexes),
  );
}

/** The users of the values in events, by name. */
async function* readUsersOfValues(
  source: ReportSource,
  raw: EventSelection,
  field: string,
  indexes: ReadonlyMap<DimensionValue, number>,
): AsyncGenerator<EventUsers> {
  const left = new Set(indexes.keys());
  const long = new Set<DimensionValue>();
  const lists = source.stream<UsersOfValue>(
    buildUsersOfValuesPipeline(raw, field, [...left]),
    LISTS_PER_REPLY,
  );
  const isComplete = yield* untilTooLarge(lists, function* ({ _id, users }) {
    const index = _id ? indexes.get(_id.value) : undefined;
    if (_id && users === undefined) {
      long.add(_id.value);
    } else if (_id && users && index !== undefined) {
      left.delete(_id.value);
      yield { index, users };
    }
  });
  const values = isComplete ? [...long] : [...left];
  if (values.length > 0) {
    const pipeline = buildLargeUsersOfValuesPipeline(raw, field, values);
    for await (const { _id } of source.stream<UserOfValue>(pipeline, USERS_PER_REPLY)) {
      const index = indexes.get(_id.value);
      if (index !== undefined) {
        yield { index, users: [_id.user] };
      }
    }
  }
}
