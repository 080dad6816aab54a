import type { ReportContext } from '../database/reportContext.ts';
import type { Question } from '../planner/planReads.ts';
import { countIntervals } from '../sources/events/countIntervals.ts';
import { countSite } from '../sources/events/countSite.ts';
import { countValues } from '../sources/events/countValues.ts';
import type { Counts, GroupCounts } from './counts.ts';

/** Answers a question from events alone. */
export async function countFromEvents(context: ReportContext, question: Question): Promise<Counts> {
  const { site_id, filters, span, eventSpan, intervals, values } = question;
  if (intervals && values) {
    const selection = { site_id, span: eventSpan, ...filters };
    const { topPaths, ...totals } = await countSite(context, selection, values.limit);
    const rows = topPaths.map(({ path, views }) => ({ value: path, views, unique_users: 0 }));
    return {
      source: 'live',
      intervals: [totals],
      values: { allViews: totals.views, total: rows.length, rows },
    };
  }
  const selection = { site_id, span, ...filters };
  return {
    source: 'live',
    intervals: intervals && intervals.length > 0 ? await countEach(context, selection, intervals) : [],
    ...(values && { values: await countValues(context, selection, values) }),
  };
}

async function countEach(
  context: ReportContext,
  selection: Parameters<typeof countIntervals>[1],
  intervals: NonNullable<Question['intervals']>,
): Promise<GroupCounts[]> {
  const counts = intervals.map((): GroupCounts => ({ views: 0, unique_users: 0 }));
  for (const { _id, views, unique_users } of await countIntervals(context, selection, intervals)) {
    counts[_id] = { views, unique_users };
  }
  return counts;
}
