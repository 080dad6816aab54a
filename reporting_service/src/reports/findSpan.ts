import { findBucketEnd, findBucketStart, MIN_DATE } from '@analytics/rollups/calendar';
import type { ReportSource } from '../reportSource.ts';
import { type Span, type TimeRange, toSpan } from '../timeRange.ts';

/**
 * A range's stretch of time. All time is whole months, from that of a site's first event to that of its last.
 */
export async function findSpan(source: ReportSource, site_id: string, range: TimeRange): Promise<Span> {
  return toSpan(range) ?? toMonths(await findSpanOfAll(source, site_id)) ?? { startMs: 0, endMs: 0 };
}

/** Nothing lies in what is added, and the months at both ends can be read as a whole. */
function toMonths(span: Span | undefined): Span | undefined {
  return (
    span && {
      startMs: findBucketStart('month', span.startMs),
      endMs: findBucketEnd({
        granularity: 'month',
        startMs: findBucketStart('month', span.endMs - 1),
      }),
    }
  );
}

/** From a site's first event to right after its last; undefined if it has none. */
export async function findSpanOfAll({ aggregate }: ReportSource, site_id: string): Promise<Span | undefined> {
  const find = (direction: 1 | -1) =>
    aggregate<{ timestamp: Date }>([
      { $match: { site_id, timestamp: { $gte: MIN_DATE } } },
      { $sort: { site_id: direction, timestamp: direction } },
      { $limit: 1 },
      { $project: { _id: 0, timestamp: 1 } },
    ]);
  const [[earliest], [latest]] = await Promise.all([find(1), find(-1)]);
  return earliest && latest
    ? { startMs: earliest.timestamp.getTime(), endMs: latest.timestamp.getTime() + 1 }
    : undefined;
}
