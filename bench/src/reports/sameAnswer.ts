import { isDeepStrictEqual } from 'node:util';

/**
 * Makes sure that two systems answer alike: a fast wrong number is worth nothing.
 *
 * @throws Error with both answers if they don't.
 */
export function requireSameStats(ours: Record<string, unknown>, naive: Record<string, unknown>): void {
  const numbers = [ours, naive].map(({ total_views, unique_users, top_paths }) => ({
    total_views,
    unique_users,
    top_paths,
  }));
  if (!isDeepStrictEqual(numbers[0], numbers[1])) {
    throw new Error(`The answers differ: ${JSON.stringify(numbers[0])} and ${JSON.stringify(numbers[1])}`);
  }
}
