import type { RollupCollections } from '@analytics/shared/rollup/rollupCollections';
import { addEncodedUsers, createUserSet } from '@analytics/shared/rollup/userSet';
import { readUserNumbers, readUserSets, type UsersPlace } from './rollupReader.ts';

/** Users from several sources, of whom it is asked how many there are. */
export interface UserSources {
  places: UsersPlace[];
  /** Names from events. */
  names: string[];
}

/** Counts the distinct users of each of some unions. */
export async function countUnions(
  collections: RollupCollections,
  site: number | undefined,
  unions: readonly UserSources[],
): Promise<number[]> {
  const sets = await readUserSets(collections, unions.flatMap(listNeededPlaces));
  // After the sets: whoever is in one of them has a number by now.
  const names = new Set(unions.flatMap((union) => (union.places.length > 0 ? union.names : [])));
  const numbers =
    site === undefined || names.size === 0 ? new Map() : await readUserNumbers(collections, site, names);
  const encoded = sets.values();
  return unions.map((union) => countUnion(union, encoded, numbers));
}

/** What one bucket alone has was counted when it was rolled up. */
function listNeededPlaces({ places, names }: UserSources): UsersPlace[] {
  return places.length > 1 || names.length > 0 ? places : [];
}

function countUnion(
  { places, names }: UserSources,
  encoded: Iterator<Uint8Array, undefined>,
  numbers: ReadonlyMap<string, number>,
): number {
  if (places.length === 0) {
    return new Set(names).size;
  }
  const [only] = places;
  if (only && places.length === 1 && names.length === 0) {
    return only.document.users[only.index] ?? 0;
  }
  const users = createUserSet();
  for (let left = places.length; left > 0; left -= 1) {
    const { value } = encoded.next();
    if (value) {
      addEncodedUsers(users, value);
    }
  }
  users.addMany([...new Set(names)].flatMap((name) => numbers.get(name) ?? []));
  const unnumbered = new Set(names.filter((name) => !numbers.has(name)));
  const count = users.size + unnumbered.size;
  users.dispose();
  return count;
}
