import type { ReportQuery } from '../query/reportQuery.ts';
import { formatLocal } from '../query/timeRange.ts';
import type { ReportMeta } from './answers.ts';

/** The range and the freshness of an answer. `asOfMs` is when the report began to read. */
export function createMeta(
  { site_id, range: { tz }, span }: ReportQuery,
  asOfMs: number,
  source: ReportMeta['source'],
): ReportMeta {
  return {
    site_id,
    from: span ? formatLocal(span.startMs, tz) : null,
    to: span ? formatLocal(span.endMs, tz) : null,
    tz,
    as_of: new Date(asOfMs).toISOString(),
    source,
  };
}
