import { chunk } from '../chunk.ts';
import type { RollupCollections, UserSlotDocument } from './rollupCollections.ts';

/** Some of a site's slots. A user belongs to one slot of each level, and is in that of the first level that had room. */
export interface SlotLevel {
  level: number;
  /** How many slots it has. */
  slots: number;
  /** The number of the first user of its first slot. */
  firstNumber: number;
}

/** A slot that has as many users is full. What it costs to find a user in it is then bounded, however many users there are. */
export const SLOT_CAPACITY = 64;

/** The levels, the smallest first: together they have room for 1.2 billion users. Stored numbers depend on all of this, so it stays. */
export const SLOT_LEVELS: readonly SlotLevel[] = listLevels();

/** Ends each name in a slot. No accepted event has it in a text. */
const SEPARATOR = '\0';

/** Slots that are asked for in one command. */
const SLOTS_PER_COMMAND = 1000;

/** Where a larger part of a level is asked for, all of it is read: in their order slots come twice as fast. */
const MAX_PART_BY_ID = 1 / 3;

function listLevels(): SlotLevel[] {
  const levels: SlotLevel[] = [];
  let firstNumber = 0;
  for (let level = 0; level < 5; level += 1) {
    const slots = 4096 * 8 ** level;
    levels.push({ level, slots, firstNumber });
    firstNumber += slots * SLOT_CAPACITY;
  }
  return levels;
}

/** The slot of a user in a level: FNV-1a over the UTF-16 code units (http://www.isthe.com/chongo/tech/comp/fnv/). */
function findUserSlot(user: string, { slots }: SlotLevel): number {
  let hash = 0x81_1c_9d_c5;
  for (let index = 0; index < user.length; index += 1) {
    hash = Math.imul(hash ^ user.charCodeAt(index), 0x01_00_01_93);
  }
  // The low bits of FNV are the weakest where texts end alike.
  return (hash ^ (hash >>> 15)) & (slots - 1);
}

/** The number of the user at a place in a slot. The slots of a level fill evenly, so that a site's numbers have few gaps. */
export function toUserNumber({ slots, firstNumber }: SlotLevel, slot: number, place: number): number {
  return firstNumber + place * slots + slot;
}

/** Users by the slot of a level that they belong to. */
export function groupBySlot(users: Iterable<string>, level: SlotLevel): Map<number, string[]> {
  const slots = new Map<number, string[]>();
  for (const user of users) {
    const slot = findUserSlot(user, level);
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

/**
 * Reads some slots of a level, and notes the numbers of the users wanted of each.
 *
 * @param wanted As `groupBySlot` makes it.
 * @returns how many users each slot has, for those that have any.
 */
export async function readUserSlots(
  { userSlots, readOptions }: Pick<RollupCollections, 'userSlots' | 'readOptions'>,
  site: number,
  level: SlotLevel,
  wanted: ReadonlyMap<number, readonly string[]>,
  numbers: Map<string, number>,
): Promise<Map<number, number>> {
  const toId = (slot: number) => ({ site, level: level.level, slot });
  const filters =
    wanted.size > level.slots * MAX_PART_BY_ID
      ? [{ _id: { $gte: toId(0), $lt: toId(level.slots) } }]
      : chunk([...wanted.keys()], SLOTS_PER_COMMAND).map((some) => ({ _id: { $in: some.map(toId) } }));
  const counts = new Map<number, number>();
  await Promise.all(
    filters.map(async (filter) => {
      for await (const document of userSlots.find(filter, { ...readOptions, batchSize: SLOTS_PER_COMMAND })) {
        counts.set(document._id.slot, document.count);
        findInSlot(level, document, new Set(wanted.get(document._id.slot)), numbers);
      }
    }),
  );
  return counts;
}

function findInSlot(
  level: SlotLevel,
  { _id, users }: UserSlotDocument,
  wanted: ReadonlySet<string>,
  numbers: Map<string, number>,
): void {
  let start = 0;
  for (let place = 0, left = wanted.size; left > 0 && start < users.length; place += 1) {
    const end = users.indexOf(SEPARATOR, start);
    if (end < 0) {
      throw new Error(
        'A slot of users is not in the form of this version. Drop the rollups; they are made anew.',
      );
    }
    const user = users.slice(start, end);
    if (wanted.has(user)) {
      numbers.set(user, toUserNumber(level, _id.slot, place));
      left -= 1;
    }
    start = end + 1;
  }
}
