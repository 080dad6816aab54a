import type { DimensionValue } from '@analytics/rollups/documents';
import { toField } from '@analytics/shared/event/dimensions';
import { createPace } from '../../database/pace.ts';
import type { ReportContext } from '../../database/reportContext.ts';
import type { MemoryAccount } from '../../database/reportMemory.ts';
import type { ValueGrouping } from '../../planner/planReads.ts';
import { type EventUsers, groupUsers, readLists, USERS_PER_REPLY } from './eventUsers.ts';
import type { EventSelection } from './matchEvents.ts';
import {
  type BreakdownFacets,
  buildBreakdownPipeline,
  buildSpillingUsersOfValuesPipeline,
  buildSpillingValueUsersPipeline,
  buildUsersOfValuesPipeline,
  buildValueUsersPipeline,
  buildValueViewsPipeline,
  type UserOfValue,
  type UsersOfValue,
  type ValueUsers,
  type ValueViews,
} from './valuePipelines.ts';

const VALUES_PER_REPLY = 5000;

/** One page of the values of a dimension. */
export interface ValuePage {
  /** The views of all events that match the filters. */
  allViews: number;
  /** The number of distinct values that match the search. */
  total: number;
  rows: { value: DimensionValue; views: number; unique_users: number }[];
}

/** Counts one page of the values of a dimension in MongoDB. */
export async function countValues(
  context: ReportContext,
  selection: EventSelection,
  { dimension, withUsers, ...page }: ValueGrouping,
): Promise<ValuePage> {
  const field = toField(dimension);
  const [facets] = await context.aggregate<BreakdownFacets>(
    buildBreakdownPipeline(selection, { field, ...page }),
  );
  const rows = facets?.rows ?? [];
  const values = rows.map(({ value }) => value);
  const users = withUsers && rows.length > 0 ? await countUsers(context, selection, field, values) : [];
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
  };
}

async function countUsers(
  { aggregate, aggregateInMemory }: ReportContext,
  ...question: Parameters<typeof buildValueUsersPipeline>
): Promise<ValueUsers[]> {
  return (
    (await aggregateInMemory<ValueUsers>(buildValueUsersPipeline(...question))) ??
    (await aggregate<ValueUsers>(buildSpillingValueUsersPipeline(...question)))
  );
}

/** Reads the views of each value, and calls `addViews` with them. */
export async function readValueViews(
  { stream, signal }: ReportContext,
  selection: EventSelection,
  dimension: string,
  addViews: (value: DimensionValue, views: number) => void,
): Promise<void> {
  const pace = createPace(signal);
  const pipeline = buildValueViewsPipeline(selection, toField(dimension));
  for await (const batch of stream<ValueViews>(pipeline, VALUES_PER_REPLY)) {
    for (const { _id, views } of batch) {
      addViews(_id, views);
    }
    if (pace.isDue()) {
      await pace.rest();
    }
  }
}

/**
 * Reads the distinct users of some values. The index of a group is that of its value.
 *
 * @throws MemoryShortError in a small report with long lists of users.
 */
export async function* readUsersOfValues(
  context: ReportContext,
  memory: MemoryAccount,
  selection: EventSelection,
  dimension: string,
  values: readonly DimensionValue[],
): AsyncGenerator<EventUsers> {
  const field = toField(dimension);
  const indexes = new Map(values.map((value, index) => [value, index]));
  const find = (value: DimensionValue) => indexes.get(value) ?? Number.NaN;
  if (!memory.isLarge) {
    const pipeline = buildUsersOfValuesPipeline(selection, field, values);
    for await (const { _id, users } of readLists<UsersOfValue>(context, pipeline)) {
      if (_id) {
        yield { index: find(_id.value), users };
      }
    }
    return;
  }
  const pipeline = buildSpillingUsersOfValuesPipeline(selection, field, values);
  for await (const batch of context.stream<UserOfValue>(pipeline, USERS_PER_REPLY)) {
    yield* groupUsers(batch.map(({ _id: { value, user } }) => ({ index: find(value), user })));
  }
}
