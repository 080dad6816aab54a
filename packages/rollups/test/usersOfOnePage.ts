import { findUserPage, type Tier } from '../src/userDictionary/layout.ts';

/**
 * Different user ids of a site that belong to the same page of a tier, and so to the same page of each tier
 * before.
 */
export function makeUsersOfOnePage(site: number, tier: Tier, count: number): string[] {
  const users: string[] = [];
  for (let index = 0; users.length < count; index += 1) {
    const user = `user-${index}`;
    if (findUserPage(site, user, tier) === 0) {
      users.push(user);
    }
  }
  return users;
}
