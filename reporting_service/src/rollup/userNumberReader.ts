import type { RollupCollections } from '@analytics/shared/rollup/rollupCollections';
import { SLOT_CAPACITY, SLOT_LEVELS, searchSlots } from '@analytics/shared/rollup/userSlots';

/** The numbers of those of some users that have one. */
export async function readUserNumbers(
  collections: Pick<RollupCollections, 'userSlots' | 'readOptions'>,
  site: number,
  users: ReadonlySet<string>,
): Promise<Map<string, number>> {
  const numbers = new Map<string, number>();
  let wanted = [...users];
  for (const level of SLOT_LEVELS) {
    const slots = await searchSlots(collections, site, level, wanted, numbers);
    // Who is not in a slot that has room is nowhere else.
    wanted = slots.flatMap(({ count, missing }) => (count >= SLOT_CAPACITY ? [...missing] : []));
    if (wanted.length === 0) {
      break;
    }
  }
  return numbers;
}
