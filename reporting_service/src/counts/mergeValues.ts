import type { ReportContext } from '../database/reportContext.ts';
import { estimateValueBytes } from '../database/reportMemory.ts';
import type { Coverage } from '../planner/coverage.ts';
import type { Question, ValueGrouping } from '../planner/planReads.ts';
import type { RowFilter } from '../planner/rowFilter.ts';
import { readUsersOfValues, readValueViews, type ValuePage } from '../sources/events/countValues.ts';
import { findUsersOfValues, readValues } from '../sources/rollups/readValues.ts';
import type { RollupOutcome, RollupSource } from '../sources/rollups/rollupSource.ts';
import { countDistinctUsers } from './distinctUsers.ts';
import { selectPage } from './valuePage.ts';

/**
 * Counts one page of the values of a dimension from rollups and events. Looks at users only of the values of
 * the page.
 *
 * @throws RollupChangedError, RollupUnreadableError, MemoryShortError, TooLargeError
 */
export async function mergeValues(
  context: ReportContext,
  source: RollupSource,
  { site_id, filters }: Question,
  grouping: ValueGrouping,
  filter: RowFilter,
  coverage: Coverage,
): Promise<RollupOutcome<ValuePage>> {
  const { dimension, withUsers } = grouping;
  const part = await readValues(source, filter, dimension, coverage);
  if (!part.ok) {
    return part;
  }
  const { views, scan } = part.value;
  const live = { site_id, span: coverage.liveSpans, ...filters };
  const hasEvents = coverage.liveSpans.length > 0;
  if (hasEvents) {
    await readValueViews(context, live, dimension, (value, more) => {
      const before = views.get(value);
      if (before === undefined) {
        source.memory.take(estimateValueBytes(value));
      }
      views.set(value, (before ?? 0) + more);
    });
  }
  const { page, total, allViews } = await selectPage(source, views, grouping);
  const values = page.map(([value]) => value);
  let users: number[] = [];
  if (withUsers) {
    const bitmaps = await findUsersOfValues(source, scan, values);
    users = await countDistinctUsers(
      { source, lookUps: context.memory },
      bitmaps.map((refs) => ({ bitmaps: refs, hasEvents })),
      () => readUsersOfValues(context, source.memory, live, dimension, values),
    );
  }
  return {
    ok: true,
    value: {
      allViews,
      total,
      rows: page.map(([value, count], index) => ({ value, views: count, unique_users: users[index] ?? 0 })),
    },
  };
}
