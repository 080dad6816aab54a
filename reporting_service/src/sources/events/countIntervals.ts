import type { TimeSpan } from '@analytics/rollups/calendar';
import type { ReportContext } from '../../database/reportContext.ts';
import type { MemoryAccount } from '../../database/reportMemory.ts';
import { type EventUsers, groupUsers, readLists, USERS_PER_REPLY } from './eventUsers.ts';
import {
  buildIntervalPipeline,
  buildIntervalUsersPipeline,
  buildSpillingIntervalPipeline,
  buildSpillingIntervalUsersPipeline,
  type IntervalCountsDocument,
  type IntervalUserDocument,
  type IntervalUsersDocument,
} from './intervalPipelines.ts';
import type { EventSelection } from './matchEvents.ts';

/** Counts intervals in MongoDB, which returns two numbers for each interval that has events. */
export async function countIntervals(
  { aggregate, aggregateInMemory }: ReportContext,
  selection: EventSelection,
  intervals: readonly TimeSpan[],
): Promise<IntervalCountsDocument[]> {
  return (
    (await aggregateInMemory<IntervalCountsDocument>(buildIntervalPipeline(selection, intervals))) ??
    (await aggregate<IntervalCountsDocument>(buildSpillingIntervalPipeline(selection, intervals)))
  );
}

/**
 * Reads the distinct users of intervals, and calls `addViews` with the views of each interval on the way.
 *
 * @throws MemoryShortError in a small report with long lists of users.
 */
export async function* readIntervalUsers(
  context: ReportContext,
  memory: MemoryAccount,
  selection: EventSelection,
  intervals: readonly TimeSpan[],
  addViews: (index: number, views: number) => void,
): AsyncGenerator<EventUsers> {
  if (!memory.isLarge) {
    const pipeline = buildIntervalUsersPipeline(selection, intervals);
    for await (const { _id, views, users } of readLists<IntervalUsersDocument>(context, pipeline)) {
      addViews(_id, views);
      yield { index: _id, users };
    }
    return;
  }
  const pipeline = buildSpillingIntervalUsersPipeline(selection, intervals);
  for await (const batch of context.stream<IntervalUserDocument>(pipeline, USERS_PER_REPLY)) {
    for (const { _id, views } of batch) {
      addViews(_id.interval, views);
    }
    yield* groupUsers(batch.map(({ _id: { interval, user } }) => ({ index: interval, user })));
  }
}
