import type { DimensionValue } from '@analytics/shared/rollup/rollupCollections';

/**
 * Orders values as MongoDB does: null, numbers, texts by their UTF-8 bytes, false, true
 * (https://www.mongodb.com/docs/manual/reference/bson-type-comparison-order/).
 */
export function compareValues(a: DimensionValue, b: DimensionValue): number {
  if (typeof a === 'string' && typeof b === 'string') {
    return a === b ? 0 : Buffer.compare(Buffer.from(a), Buffer.from(b));
  }
  return rankType(a) - rankType(b) || Number(a) - Number(b);
}

function rankType(value: DimensionValue): number {
  if (value === null) {
    return 0;
  }
  return typeof value === 'number' ? 1 : typeof value === 'string' ? 2 : 3;
}
