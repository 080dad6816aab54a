import { groupBySlot, SLOT_LEVELS } from '@analytics/shared/rollup/userSlots';

/** Names of different users who belong to the same slot of the first level. */
export function makeUsersOfOneSlot(count: number): string[] {
  const [level] = SLOT_LEVELS;
  if (!level) {
    throw new Error('There are no slots.');
  }
  const names = Array.from({ length: 2 * count * level.slots }, (_, index) => `user-${index}`);
  const [, users = []] = [...groupBySlot(names, level)][0] ?? [];
  if (users.length < count) {
    throw new Error(`Only ${users.length} of ${names.length} users are in the first slot.`);
  }
  return users.slice(0, count);
}
