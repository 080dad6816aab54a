import type { RollupCollections } from '@analytics/shared/rollup/rollupCollections';
import { addEncodedUsers, createUserSet, type UserSet } from '@analytics/shared/rollup/userSet';
import { readUserNumbers } from './userNumberReader.ts';
import { readUserSets, type UsersPlace } from './userSetReader.ts';

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

/** A union that is being made. */
interface OpenUnion {
  index: number;
  names: readonly string[];
  /** How many sets are still to be added. */
  left: number;
  users: UserSet;
}

/** Counts the distinct users of each of some unions. */
export async function countUnions(
  collections: RollupCollections,
  site: number | undefined,
  unions: readonly UserSources[],
): Promise<number[]> {
  const counts: number[] = [];
  const open = new Set<OpenUnion>();
  const places: (UsersPlace & { union: OpenUnion })[] = [];
  try {
    for (const [index, sources] of unions.entries()) {
      if (isAlone(sources)) {
        counts[index] = countAlone(sources);
        continue;
      }
      const union = { index, names: sources.names, left: sources.places.length, users: createUserSet() };
      open.add(union);
      for (const place of sources.places) {
        places.push({ ...place, union });
      }
    }
    for await (const [{ union }, set] of readUserSets(collections, places)) {
      addEncodedUsers(union.users, set);
      union.left -= 1;
      if (union.left === 0 && union.names.length === 0) {
        counts[union.index] = union.users.size;
        union.users.dispose();
        open.delete(union);
      }
    }
    // After the sets: whoever is in one of them has a number by now.
    const names = new Set([...open].flatMap((union) => union.names));
    const numbers =
      site === undefined || names.size === 0 ? new Map() : await readUserNumbers(collections, site, names);
    for (const { index, names, users } of open) {
      counts[index] = countWithNames(users, names, numbers);
    }
  } finally {
    for (const { users } of open) {
      users.dispose();
    }
  }
  return counts;
}

/** What one bucket alone has was counted when it was rolled up. */
function isAlone({ places, names }: UserSources): boolean {
  return places.length === 0 || (places.length === 1 && names.length === 0);
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
