import type { ReportMeta } from '@analytics/shared/stats';
import { formatLocal, type TimeRange, toSpan } from '../timeRange.ts';

/** What a report's numbers are of. `asOfMs` is when the reading of them began. */
export function createMeta(
  site_id: string,
  range: TimeRange,
  asOfMs: number,
  source: ReportMeta['source'],
): ReportMeta {
  const span = toSpan(range);
  const { tz } = range;
  return {
    site_id,
    from: span ? formatLocal(span.startMs, tz) : null,
    to: span ? formatLocal(span.endMs, tz) : null,
    tz,
    as_of: new Date(asOfMs).toISOString(),
    source,
  };
}
