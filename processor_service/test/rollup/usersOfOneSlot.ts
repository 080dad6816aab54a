import { findUserSlot, type SlotLevel } from '@analytics/shared/rollup/userSlots';

/**
 * Names of different users of a site who belong to the same slot of a level, and so to the same one of each
 * level before.
 */
export function makeUsersOfOneSlot(site: number, level: SlotLevel, count: number): string[] {
  const users: string[] = [];
  for (let index = 0; users.length < count; index += 1) {
    const user = `user-${index}`;
    if (findUserSlot(site, user, level) === 0) {
      users.push(user);
    }
  }
  return users;
}
