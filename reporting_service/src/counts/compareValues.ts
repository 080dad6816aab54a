import type { DimensionValue } from '@analytics/rollups/documents';

/**
 * Orders values as MongoDB does: null, numbers, texts by their UTF-8 bytes, false, true
 * (https://www.mongodb.com/docs/manual/reference/bson-type-comparison-order/).
 */
export function compareValues(a: DimensionValue, b: DimensionValue): number {
  if (typeof a === 'string' && typeof b === 'string') {
    return compareTexts(a, b);
  }
  return rankType(a) - rankType(b) || Number(a) - Number(b);
}

/**
 * The order of UTF-8 is that of code points. The units of UTF-16 follow it but for the surrogates, which
 * stand for the highest of them and lie below others
 * (https://datatracker.ietf.org/doc/html/rfc2781#section-2.1).
 */
function compareTexts(a: string, b: string): number {
  const length = Math.min(a.length, b.length);
  for (let index = 0; index < length; index += 1) {
    const [unitOfA, unitOfB] = [a.charCodeAt(index), b.charCodeAt(index)];
    if (unitOfA !== unitOfB) {
      return rankUnit(unitOfA) - rankUnit(unitOfB);
    }
  }
  return a.length - b.length;
}

function rankUnit(unit: number): number {
  return unit >= 0xd8_00 && unit <= 0xdf_ff ? unit + 0x1_00_00 : unit;
}

function rankType(value: DimensionValue): number {
  if (value === null) {
    return 0;
  }
  return typeof value === 'number' ? 1 : typeof value === 'string' ? 2 : 3;
}
