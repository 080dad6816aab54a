import type { ReportContext } from '../database/reportContext.ts';
import { type Coverage, joinSpans, usesRollups } from '../planner/coverage.ts';
import type { Question } from '../planner/planReads.ts';
import type { RowFilter } from '../planner/rowFilter.ts';
import { countIntervals, readIntervalUsers } from '../sources/events/countIntervals.ts';
import { readIntervals } from '../sources/rollups/readIntervals.ts';
import type { RollupOutcome, RollupSource } from '../sources/rollups/rollupSource.ts';
import type { GroupCounts } from './counts.ts';
import { countDistinctUsers } from './distinctUsers.ts';

/**
 * Counts intervals from rollups and events. MongoDB counts the intervals that rollups do not cover at all. Of
 * partly covered intervals, the user ids are read, because a user may be in both sources.
 *
 * @throws RollupChangedError, RollupUnreadableError, MemoryShortError, TooLargeError
 */
export async function mergeIntervals(
  context: ReportContext,
  source: RollupSource,
  { site_id, filters, intervals = [] }: Question,
  filter: RowFilter,
  coverages: readonly Coverage[],
): Promise<RollupOutcome<GroupCounts[]>> {
  const parts = await readIntervals(source, filter, coverages);
  if (!parts.ok) {
    return parts;
  }
  const views = parts.value.map((part) => part.views);
  const groups = parts.value.map(({ users }, index) => ({
    bitmaps: users,
    hasEvents: isMixed(coverages[index]),
  }));
  const select = (isIncluded: (coverage: Coverage) => boolean) => ({
    site_id,
    span: joinSpans(coverages.filter(isIncluded).flatMap(({ liveSpans }) => liveSpans)),
    ...filters,
  });
  const addViews = (index: number, more: number) => {
    views[index] = (views[index] ?? 0) + more;
  };
  const live = select((coverage) => !usesRollups(coverage));
  const [users, liveCounts] = await Promise.all([
    countDistinctUsers({ source, lookUps: context.memory }, groups, () =>
      readIntervalUsers(context, source.memory, select(isMixed), intervals, addViews),
    ),
    live.span.length > 0 ? countIntervals(context, live, intervals) : [],
  ]);
  for (const { _id, views: more, unique_users } of liveCounts) {
    addViews(_id, more);
    users[_id] = unique_users;
  }
  return {
    ok: true,
    value: views.map((sum, index) => ({ views: sum, unique_users: users[index] ?? 0 })),
  };
}

function isMixed(coverage: Coverage | undefined): boolean {
  return coverage !== undefined && usesRollups(coverage) && coverage.liveSpans.length > 0;
}
