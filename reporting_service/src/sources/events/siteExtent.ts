import { findBucketEnd, findBucketStart, MIN_DATE, type TimeSpan } from '@analytics/rollups/calendar';
import type { ReportContext } from '../../database/reportContext.ts';

/** The time from a site's first event to right after its last. Undefined if the site has none. */
export async function readSiteExtent(
  { aggregate }: ReportContext,
  site_id: string,
): Promise<TimeSpan | undefined> {
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

/**
 * The whole months of a site's extent: the months at both ends have rollups, too. Empty if it has no events.
 */
export async function readSiteMonths(context: ReportContext, site_id: string): Promise<TimeSpan> {
  const extent = await readSiteExtent(context, site_id);
  if (extent === undefined) {
    return { startMs: 0, endMs: 0 };
  }
  const lastMonth = findBucketStart('month', extent.endMs - 1);
  return {
    startMs: findBucketStart('month', extent.startMs),
    endMs: findBucketEnd({ granularity: 'month', startMs: lastMonth }),
  };
}
