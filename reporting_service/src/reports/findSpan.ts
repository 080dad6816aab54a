import type { ReportSource } from '../eventReader.ts';
import { type Span, type TimeRange, toSpan } from '../timeRange.ts';

/** A range's stretch of time. All time begins with a site's first event and ends after its last. */
export async function findSpan(source: ReportSource, site_id: string, range: TimeRange): Promise<Span> {
  return toSpan(range) ?? (await findSpanOfAll(source, site_id)) ?? { startMs: 0, endMs: 0 };
}

/** From a site's first event to right after its last; undefined if it has none. */
export async function findSpanOfAll({ aggregate }: ReportSource, site_id: string): Promise<Span | undefined> {
  const find = (direction: 1 | -1) =>
    aggregate<{ timestamp: Date }>([
      { $match: { site_id } },
      { $sort: { site_id: direction, timestamp: direction } },
      { $limit: 1 },
      { $project: { _id: 0, timestamp: 1 } },
    ]);
  const [[earliest], [latest]] = await Promise.all([find(1), find(-1)]);
  return earliest && latest
    ? { startMs: earliest.timestamp.getTime(), endMs: latest.timestamp.getTime() + 1 }
    : undefined;
}
