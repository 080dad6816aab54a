import type { Breakdown } from '@analytics/shared/stats';
import type { BreakdownQuery } from '@analytics/shared/statsQuery';
import type { ReportSource } from '../reportSource.ts';
import { countValues } from '../rollup/countValues.ts';
import { withSnapshot } from '../rollup/withSnapshot.ts';
import { resolveRange } from '../timeRange.ts';
import { findSpan } from './findSpan.ts';
import { createMeta } from './reportMeta.ts';

export type ReadBreakdown = (query: BreakdownQuery, source: ReportSource) => Promise<Breakdown>;

/** Makes the report behind `GET /stats/breakdown`. */
export const readBreakdown: ReadBreakdown = async (query, source) => {
  const { site_id, dimension, limit, offset, search, path, path_prefix, event_type, referrer_host } = query;
  const { asOfMs } = source;
  const range = resolveRange(query, asOfMs);
  const filters = { path, path_prefix, event_type, referrer_host };
  const question = { site_id, filters, dimension, limit, offset, search, hasUsers: true };
  const span = await findSpan(source, site_id, range);
  const answer = await withSnapshot(source, site_id, span, (snapshot) =>
    countValues(source, snapshot, { ...question, span }),
  );
  return {
    meta: createMeta(site_id, range, asOfMs, answer.source),
    dimension,
    total: answer.total,
    rows: answer.rows.map((row) => ({ ...row, share: row.views / answer.allViews })),
  };
};
