import { chunk } from '../async/chunk.ts';
import { runAtOnce } from '../async/runAtOnce.ts';
import type { RollupCollections, UserSlotDocument } from './rollupCollections.ts';

/**
 * Some of a site's slots. A user belongs to one slot of each level, and stands in that of the first level
 * that had room.
 */
export interface SlotLevel {
  index: number;
  slotCount: number;
  /** The number of the first user of its first slot. */
  firstNumber: number;
}

/**
 * A slot that has as many users is full. What it costs to find a user in it is then bounded, however many
 * users there are.
 */
export const SLOT_CAPACITY = 64;

/**
 * The levels, the smallest first, with room for some hundred million users before a slot of the last one is
 * full. Stored numbers depend on all of this, so it stays.
 */
export const SLOT_LEVELS: readonly SlotLevel[] = listLevels();

/** Ends each name in a slot. No accepted event has it in a text. */
const SEPARATOR = '\0';

/** Slots that are asked for in one command. */
const SLOTS_PER_COMMAND = 1000;

const COMMANDS_AT_ONCE = 4;

function listLevels(): SlotLevel[] {
  const levels: SlotLevel[] = [];
  let firstNumber = 0;
  for (let index = 0; index < 5; index += 1) {
    const slotCount = 4096 * 8 ** index;
    levels.push({ index, slotCount, firstNumber });
    firstNumber += slotCount * SLOT_CAPACITY;
  }
  return levels;
}

/**
 * The slot of a user in a level: FNV-1a over the UTF-16 code units
 * (http://www.isthe.com/chongo/tech/comp/fnv/). It begins with the site's number, which nobody outside knows,
 * so that nobody can choose names that fill the same slots.
 */
export function findUserSlot(site: number, user: string, { slotCount }: SlotLevel): number {
  let hash = 0x81_1c_9d_c5 ^ site;
  for (let index = 0; index < user.length; index += 1) {
    hash = Math.imul(hash ^ user.charCodeAt(index), 0x01_00_01_93);
  }
  // The low bits of FNV are the weakest where texts end alike.
  return (hash ^ (hash >>> 15)) & (slotCount - 1);
}

/**
 * The number of the user at a place in a slot. The slots of a level fill evenly, so that a site's numbers
 * have few gaps.
 */
export function toUserNumber({ slotCount, firstNumber }: SlotLevel, slot: number, place: number): number {
  return firstNumber + place * slotCount + slot;
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

/** What was found in a slot in which users were looked for. */
export interface SearchedSlot extends Pick<UserSlotDocument, '_id' | 'count'> {
  /** Those who are not there. */
  missing: Set<string>;
}

/**
 * Looks for users of a site in a level, and notes the numbers of those who are there. Tells of each slot in
 * which it looked.
 */
export async function searchSlots(
  { userSlots, readOptions }: Pick<RollupCollections, 'userSlots' | 'readOptions'>,
  site: number,
  level: SlotLevel,
  users: Iterable<string>,
  numbers: Map<string, number>,
): Promise<SearchedSlot[]> {
  const slots = groupBySlot(site, level, users);
  // What another process has written counts once it can't be rolled back any more.
  const options = { ...readOptions, readConcern: 'majority', batchSize: SLOTS_PER_COMMAND } as const;
  const ids = [...slots.values()].map(({ _id }) => _id);
  await runAtOnce(COMMANDS_AT_ONCE, chunk(ids, SLOTS_PER_COMMAND), async (some) => {
    for await (const document of userSlots.find({ _id: { $in: some } }, options)) {
      const slot = slots.get(document._id.slot);
      if (slot) {
        slot.count = document.count;
        noteNumbers(level, document, slot.missing, numbers);
      }
    }
  });
  return [...slots.values()];
}

function groupBySlot(site: number, level: SlotLevel, users: Iterable<string>): Map<number, SearchedSlot> {
  const slots = new Map<number, SearchedSlot>();
  for (const user of users) {
    const slot = findUserSlot(site, user, level);
    const found = slots.get(slot);
    if (found) {
      found.missing.add(user);
    } else {
      slots.set(slot, { _id: { site, level: level.index, slot }, count: 0, missing: new Set([user]) });
    }
  }
  return slots;
}

/** Who is found is missing no longer. */
function noteNumbers(
  level: SlotLevel,
  { _id, users }: UserSlotDocument,
  missing: Set<string>,
  numbers: Map<string, number>,
): void {
  let start = 0;
  for (let place = 0; missing.size > 0 && start < users.length; place += 1) {
    const end = users.indexOf(SEPARATOR, start);
    if (end < 0) {
      throw new Error(
        'A slot of users is not in the form of this version. Drop the rollups; they are made anew.',
      );
    }
    const user = users.slice(start, end);
    if (missing.delete(user)) {
      numbers.set(user, toUserNumber(level, _id.slot, place));
    }
    start = end + 1;
  }
}
