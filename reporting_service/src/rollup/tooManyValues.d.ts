/**
 * Rollups have more for an answer than can be added up here. `withSnapshot` answers from events: MongoDB adds
 * up.
 */
export declare class TooManyValuesError extends Error {
  name: string;
}
