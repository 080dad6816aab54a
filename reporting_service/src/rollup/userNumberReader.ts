import type { RollupCollections } from '@analytics/shared/rollup/rollupCollections';
import { SLOT_CAPACITY, SLOT_LEVELS, searchSlots } from '@analytics/shared/rollup/userSlots';
import { mongo } from 'mongoose';
import { RollupUnreadableError } from './rollupErrors.ts';

/**
 * The numbers of those of some users that have one.
 *
 * @throws RollupUnreadableError
 */
export async function readUserNumbers(
  collections: Pick<RollupCollections, 'userSlots' | 'readOptions'>,
  site: number,
  users: ReadonlySet<string>,
): Promise<Map<string, number>> {
  const numbers = new Map<string, number>();
  let wanted = [...users];
  try {
    for (const level of SLOT_LEVELS) {
      const slots = await searchSlots(collections, site, level, wanted, numbers);
      // Who is not in a slot that has room is nowhere else.
      wanted = slots.flatMap(({ count, missing }) => (count >= SLOT_CAPACITY ? [...missing] : []));
      if (wanted.length === 0) {
        break;
      }
    }
  } catch (error) {
    // What is neither MongoDB's nor the end of the work is due to what is stored.
    if (error instanceof mongo.MongoError || collections.readOptions.signal?.aborted) {
      throw error;
    }
    throw new RollupUnreadableError('users are not in the form of this version', undefined, error);
  }
  return numbers;
}
