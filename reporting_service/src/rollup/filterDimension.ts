import { type DimensionValue, TOTAL_DIMENSION } from '@analytics/rollups/documents';
import type { FilterQuery } from '@analytics/shared/statsQuery';

/** The dimension whose values decide which events pass. */
export interface FilterDimension {
  dimension: string;
  passes: (value: DimensionValue) => boolean;
}

const passAll: FilterDimension = { dimension: TOTAL_DIMENSION, passes: () => true };

/**
 * Rollups know which values events have in one dimension, and not which they have in two: filters of one
 * dimension can be answered from its rows, others can't.
 */
export function findFilterDimension({
  path,
  path_prefix,
  event_type,
  referrer_host,
}: FilterQuery): FilterDimension | undefined {
  const filters: FilterDimension[] = [];
  if (path !== undefined || path_prefix !== undefined) {
    filters.push({
      dimension: 'path',
      passes: (value) =>
        (path === undefined || value === path) &&
        (path_prefix === undefined || (typeof value === 'string' && value.startsWith(path_prefix))),
    });
  }
  if (event_type !== undefined) {
    filters.push({ dimension: 'event_type', passes: (value) => value === event_type });
  }
  if (referrer_host !== undefined) {
    filters.push({ dimension: 'referrer_host', passes: (value) => value === referrer_host });
  }
  return filters.length > 1 ? undefined : (filters[0] ?? passAll);
}
