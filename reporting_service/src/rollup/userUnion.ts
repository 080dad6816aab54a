import type { RollupCollections } from '@analytics/shared/rollup/rollupCollections';
import { addEncodedUsers, createUserSet, type UserSet } from '@analytics/shared/rollup/userSet';
import { openUserSets, readUserNumbers, type UsersPlace } from './rollupReader.ts';

/** Users from several sources, of whom it is asked how many there are. */
export interface UserSources {
  places: UsersPlace[];
  /** Names from events. */
  names: string[];
}

/** Adds users of events. What is no text was put in by hand; it is never rolled up, and counts by a name that no text has. */
export function addNames(names: string[], users: readonly unknown[]): void {
  for (const user of users) {
    if (typeof user === 'string') {
      names.push(user);
    } else if (user !== null && user !== undefined) {
      names.push(`\0${typeof user} ${user}`);
    }
  }
}

/** Counts the distinct users of each of some unions. */
export async function countUnions(
  collections: RollupCollections,
  site: number | undefined,
  unions: readonly UserSources[],
): Promise<number[]> {
  const findSet = openUserSets(collections, unions.flatMap(listNeededPlaces));
  const counts: number[] = [];
  /** Those whose users from events are still to be added. */
  const unfinished: { union: UserSources; users: UserSet; index: number }[] = [];
  try {
    for (const [index, union] of unions.entries()) {
      const needed = listNeededPlaces(union);
      if (needed.length === 0) {
        counts[index] = countAlone(union);
        continue;
      }
      const users = createUserSet();
      unfinished.push({ union, users, index });
      for (const place of needed) {
        addEncodedUsers(users, await findSet(place));
      }
      if (union.names.length === 0) {
        counts[index] = users.size;
        unfinished.pop();
        users.dispose();
      }
    }
    // After the sets: whoever is in one of them has a number by now.
    const names = new Set(unfinished.flatMap(({ union }) => union.names));
    const numbers =
      site === undefined || names.size === 0 ? new Map() : await readUserNumbers(collections, site, names);
    for (const { union, users, index } of unfinished) {
      counts[index] = countWithNames(users, union.names, numbers);
    }
  } finally {
    for (const { users } of unfinished) {
      users.dispose();
    }
  }
  return counts;
}

/** What one bucket alone has was counted when it was rolled up. */
function listNeededPlaces({ places, names }: UserSources): UsersPlace[] {
  return places.length > 1 || (places.length > 0 && names.length > 0) ? places : [];
}

function countAlone({ places: [only], names }: UserSources): number {
  return only ? (only.document.users[only.index] ?? 0) : new Set(names).size;
}

function countWithNames(
  users: UserSet,
  names: readonly string[],
  numbers: ReadonlyMap<string, number>,
): number {
  const numbered: number[] = [];
  const unnumbered = new Set<string>();
  for (const name of names) {
    const number = numbers.get(name);
    if (number === undefined) {
      unnumbered.add(name);
    } else {
      numbered.push(number);
    }
  }
  users.addMany(numbered);
  return users.size + unnumbered.size;
}
