/**
 * Rollups have more for an answer than can be added up here. `withSnapshot` answers from events: MongoDB adds
 * up.
 */
export class TooManyValuesError extends Error {
  name = 'TooManyValuesError';
}
//# sourceMappingURL=tooManyValues.js.map
