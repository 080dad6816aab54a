import { type DimensionValue, TOTAL_DIMENSION } from '@analytics/rollups/documents';
import type { Filters } from '../query/parameters.ts';

/** Selects rows of one dimension. */
export interface RowFilter {
  dimension: string;
  matches: (value: DimensionValue) => boolean;
}

const matchAll: RowFilter = { dimension: TOTAL_DIMENSION, matches: () => true };

/**
 * The filter on the rows of a rollup that selects the same events as the filters of a query. A rollup has the values
 * of single dimensions, not of pairs, so filters on two dimensions have none.
 */
export function findRowFilter({
  path,
  path_prefix,
  event_type,
  referrer_host,
}: Filters): RowFilter | undefined {
  const filters: RowFilter[] = [];
  if (path !== undefined || path_prefix !== undefined) {
    filters.push({
      dimension: 'path',
      matches: (value) =>
        (path === undefined || value === path) &&
        (path_prefix === undefined || (typeof value === 'string' && value.startsWith(path_prefix))),
    });
  }
  if (event_type !== undefined) {
    filters.push({ dimension: 'event_type', matches: (value) => value === event_type });
  }
  if (referrer_host !== undefined) {
    filters.push({ dimension: 'referrer_host', matches: (value) => value === referrer_host });
  }
  return filters.length > 1 ? undefined : (filters[0] ?? matchAll);
}
