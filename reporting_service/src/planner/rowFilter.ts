import { type DimensionValue, TOTAL_DIMENSION } from '@analytics/rollups/documents';
import { type Filters, listFilters } from '@analytics/shared/event/dimensions';

/** Selects rows of one dimension. */
export interface RowFilter {
  dimension: string;
  matches: (value: DimensionValue) => boolean;
}

/**
 * The filter on the rows of a rollup that selects the same events as the filters of a query. A rollup has the
 * values of single dimensions, not of pairs, so filters on two dimensions have none.
 */
export function findRowFilter(filters: Filters): RowFilter | undefined {
  const conditions = listFilters(filters);
  const dimensions = new Set(conditions.map(({ dimension }) => dimension));
  if (dimensions.size > 1) {
    return undefined;
  }
  const [dimension = TOTAL_DIMENSION] = dimensions;
  return {
    dimension,
    matches: (value) =>
      conditions.every((condition) =>
        condition.isPrefix
          ? typeof value === 'string' && value.startsWith(condition.value)
          : value === condition.value,
      ),
  };
}
