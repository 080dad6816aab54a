import type { Breakdown, BreakdownQuery } from '@analytics/shared/stats';
import {
  type BreakdownFacets,
  buildBreakdownPipeline,
  buildValueUsersPipeline,
  type ValueUsers,
} from '../aggregations/breakdownPipeline.ts';
import type { EventReader } from '../eventReader.ts';
import { resolveRange, toSpan } from '../timeRange.ts';
import { createMeta } from './reportMeta.ts';

export type ReadBreakdown = (query: BreakdownQuery) => Promise<Breakdown>;

/** Makes the report behind `GET /stats/breakdown`. */
export function createBreakdown({ aggregate }: EventReader, now: () => number): ReadBreakdown {
  return async function readBreakdown(query) {
    const { site_id, dimension, limit, offset, search, path, path_prefix, event_type, referrer_host } = query;
    const asOfMs = now();
    const range = resolveRange(query, asOfMs);
    const filters = { path, path_prefix, event_type, referrer_host };
    const selection = { site_id, span: toSpan(range), ...filters };
    const field = toField(dimension);
    const page = { field, limit, offset, search };
    const [facets] = await aggregate<BreakdownFacets>(buildBreakdownPipeline(selection, page));
    const rows = facets?.rows ?? [];
    const values = rows.map(({ value }) => value);
    const users =
      rows.length > 0 ? await aggregate<ValueUsers>(buildValueUsersPipeline(selection, field, values)) : [];
    const usersOf = new Map(users.map(({ _id, unique_users }) => [_id, unique_users]));
    const allViews = facets?.all_views[0]?.sum ?? 0;
    return {
      meta: createMeta(site_id, range, asOfMs),
      dimension,
      total: facets?.total[0]?.count ?? 0,
      rows: rows.map(({ value, views }) => ({
        value,
        views,
        unique_users: usersOf.get(value) ?? 0,
        share: views / allViews,
      })),
    };
  };
}

/** The field of the stored event that a dimension reads. */
function toField(dimension: string): string {
  return dimension.replace(/^property:/, 'properties.');
}
