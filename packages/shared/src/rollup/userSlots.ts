import type { UserSlotDocument } from './rollupCollections.ts';

/** How many slots a site's users are divided among. Stored numbers depend on it, so it stays. */
export const USER_SLOTS = 4096;

/** Ends each name in a slot. No accepted event has it in a text. */
const SEPARATOR = '\0';

/** The slot of a user: FNV-1a over the UTF-16 code units (http://www.isthe.com/chongo/tech/comp/fnv/). */
export function findUserSlot(user: string): number {
  let hash = 0x81_1c_9d_c5;
  for (let index = 0; index < user.length; index += 1) {
    hash = Math.imul(hash ^ user.charCodeAt(index), 0x01_00_01_93);
  }
  // The low bits of FNV are the weakest where texts end alike.
  return (hash ^ (hash >>> 15)) & (USER_SLOTS - 1);
}

/** The number of the user at a place in a slot. Slots fill evenly, so that a site's numbers have few gaps. */
export function toUserNumber(slot: number, place: number): number {
  return place * USER_SLOTS + slot;
}

/** Users by the slot that they belong to. */
export function groupBySlot(users: Iterable<string>): Map<number, string[]> {
  const slots = new Map<number, string[]>();
  for (const user of users) {
    const slot = findUserSlot(user);
    const others = slots.get(slot);
    if (others) {
      others.push(user);
    } else {
      slots.set(slot, [user]);
    }
  }
  return slots;
}

/**
 * The text that adds users to a slot.
 *
 * @throws Error if a name can't be kept apart from others.
 */
export function joinUsers(users: readonly string[]): string {
  const text = users.map((user) => user + SEPARATOR).join('');
  if (text.split(SEPARATOR).length !== users.length + 1) {
    throw new Error('A user has NUL in the name, which no accepted event has. Correct or delete its events.');
  }
  return text;
}

/** Calls back with the number of each of the wanted users that is in a slot. */
export function findInSlot(
  { _id, users }: UserSlotDocument,
  wanted: ReadonlySet<string>,
  onFound: (user: string, number: number) => void,
): void {
  let start = 0;
  for (let place = 0; start < users.length; place += 1) {
    const end = users.indexOf(SEPARATOR, start);
    if (end < 0) {
      throw new Error(
        'A slot of users is not in the form of this version. Drop the rollups; they are made anew.',
      );
    }
    const user = users.slice(start, end);
    if (wanted.has(user)) {
      onFound(user, toUserNumber(_id.slot, place));
    }
    start = end + 1;
  }
}
