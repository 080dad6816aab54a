import { count } from '../counts/count.ts';
import type { ReportContext } from '../database/reportContext.ts';
import type { BreakdownParameters } from '../query/parameters.ts';
import type { ReportQuery } from '../query/reportQuery.ts';
import { readSiteMonths } from '../sources/events/siteExtent.ts';
import type { Breakdown } from './answers.ts';
import { createMeta } from './createMeta.ts';

/** Reads the report of `GET /stats/breakdown`. */
export async function readBreakdown(
  query: ReportQuery<BreakdownParameters>,
  context: ReportContext,
): Promise<Breakdown> {
  const { site_id, filters, parameters } = query;
  const { dimension, limit, offset, search } = parameters;
  const span = query.span ?? (await readSiteMonths(context, site_id));
  const { source, values } = await count(context, {
    site_id,
    filters,
    span,
    eventSpan: span,
    values: { dimension, limit, offset, search, withUsers: true },
  });
  const { total = 0, rows = [], allViews = 0 } = values ?? {};
  return {
    meta: createMeta(query, context.asOfMs, source),
    dimension,
    total,
    rows: rows.map((row) => ({ ...row, share: row.views / allViews })),
  };
}
