import { chunk } from '@analytics/shared/async/chunk';
import type { RollupCollections, UserSlotDocument } from '@analytics/shared/rollup/rollupCollections';
import {
  joinUsers,
  SLOT_CAPACITY,
  SLOT_LEVELS,
  type SlotLevel,
  searchSlots,
  toUserNumber,
} from '@analytics/shared/rollup/userSlots';
import { isOnlyDuplicates } from './duplicateKeys.ts';

/** So many users are remembered at least, and at most twice as many. */
const REMEMBERED_USERS = 150_000;

/** Or until their names have this many UTF-16 code units: some 150,000 UUIDs. */
const REMEMBERED_UNITS = 6_000_000;

/** Users per lookup. More would save little, and each takes memory until all are found. */
const USERS_PER_LOOKUP = 100_000;

/** Slots that are written in one command. */
const SLOTS_PER_COMMAND = 1000;

export interface UserNumbers {
  /**
   * Finds the numbers of a site's users, and gives one to each that has none. A number is given once and for
   * ever.
   */
  resolve(site: number, users: ReadonlySet<string>): Promise<ReadonlyMap<string, number>>;
}

/** Keeps the numbers of users in MongoDB, and those that were seen lately in memory. */
export function createUserNumbers(
  collections: Pick<RollupCollections, 'userSlots' | 'readOptions'>,
): UserNumbers {
  const { userSlots } = collections;
  const memory = createMemory();
  // One after another, so that two rollups don't read the same slots at the same time, and both want to add
  // to them.
  let last: Promise<unknown> = Promise.resolve();

  /** @returns whether all of them are in their slots now, and nobody else's are. */
  async function append(additions: readonly Addition[]): Promise<boolean> {
    const operations = additions.map(({ _id, count, users }) => ({
      updateOne: {
        filter: { _id, count },
        update: [
          {
            $set: {
              count: count + users.length,
              users: { $concat: [{ $ifNull: ['$users', ''] }, { $literal: joinUsers(users) }] },
            },
          },
        ],
        upsert: count === 0,
      },
    }));
    try {
      const { matchedCount, upsertedCount } = await userSlots.bulkWrite(operations, { ordered: false });
      // A slot that another process has added to fails the filter.
      return matchedCount + upsertedCount === operations.length;
    } catch (error) {
      // Or it was made meanwhile.
      if (isOnlyDuplicates(error)) {
        return false;
      }
      throw error;
    }
  }

  /** Numbers those of some users that are in a level or find room there; returns the others. */
  async function resolveInLevel(
    site: number,
    level: SlotLevel,
    users: Iterable<string>,
    numbers: Map<string, number>,
  ): Promise<string[]> {
    const withoutRoom: string[] = [];
    for (let wanted = [...users]; wanted.length > 0; ) {
      const slots = await searchSlots(collections, site, level, wanted, numbers);
      const withRoom = slots.filter(({ count }) => count < SLOT_CAPACITY);
      const additions = withRoom.flatMap(({ _id, count, missing }) =>
        missing.size > 0 ? [{ _id, count, users: [...missing].slice(0, SLOT_CAPACITY - count) }] : [],
      );
      for (const some of chunk(additions, SLOTS_PER_COMMAND)) {
        if (await append(some)) {
          for (const { _id, count, users } of some) {
            for (const [index, user] of users.entries()) {
              numbers.set(user, toUserNumber(level, _id.slot, count + index));
            }
          }
        }
      }
      for (const { count, missing } of slots) {
        if (count >= SLOT_CAPACITY) {
          withoutRoom.push(...missing);
        }
      }
      // Those of slots that became full, or that another process has added to, are looked for again.
      wanted = withRoom.flatMap(({ missing }) => [...missing].filter((user) => !numbers.has(user)));
    }
    return withoutRoom;
  }

  async function resolveUnknown(
    site: number,
    unknown: readonly string[],
    numbers: Map<string, number>,
  ): Promise<void> {
    let left = unknown;
    for (const level of SLOT_LEVELS) {
      left = await resolveInLevel(site, level, left, numbers);
      if (left.length === 0) {
        return;
      }
    }
    throw new Error(
      'A site has more users than there are numbers for, some hundred million. Hours with new ones are read from events.',
    );
  }

  return {
    resolve: async (site, users) => {
      const numbers = new Map<string, number>();
      const unknown = memory.recall(site, users, numbers);
      if (unknown.length > 0) {
        const turn = last.then(async () => {
          for (const some of chunk(unknown, USERS_PER_LOOKUP)) {
            await resolveUnknown(site, some, numbers);
          }
        });
        last = turn.catch(() => undefined);
        await turn;
        memory.remember(site, unknown, numbers);
      }
      return numbers;
    },
  };
}

/** Users that are to be added to a slot, which has `count` so far. */
interface Addition extends Pick<UserSlotDocument, '_id' | 'count'> {
  users: string[];
}

/**
 * Two generations: when the young one is full, it becomes the old one, and what nobody has asked for since is
 * gone.
 */
function createMemory() {
  let young = new Map<number, Map<string, number>>();
  let old = young;
  let youngSize = 0;
  let youngUnits = 0;

  function findSite(site: number): Map<string, number> {
    const found = young.get(site) ?? new Map<string, number>();
    young.set(site, found);
    return found;
  }

  function note(site: number, user: string, number: number): void {
    findSite(site).set(user, number);
    youngSize += 1;
    youngUnits += user.length;
    if (youngSize >= REMEMBERED_USERS || youngUnits >= REMEMBERED_UNITS) {
      old = young;
      young = new Map();
      youngSize = 0;
      youngUnits = 0;
    }
  }

  return {
    /** Notes the numbers that are remembered; returns those who are not. */
    recall: (site: number, users: Iterable<string>, numbers: Map<string, number>): string[] => {
      const unknown: string[] = [];
      for (const user of users) {
        let number = young.get(site)?.get(user);
        if (number === undefined) {
          number = old.get(site)?.get(user);
          if (number === undefined) {
            unknown.push(user);
            continue;
          }
          note(site, user, number);
        }
        numbers.set(user, number);
      }
      return unknown;
    },
    remember: (site: number, users: readonly string[], numbers: ReadonlyMap<string, number>): void => {
      for (const user of users) {
        const number = numbers.get(user);
        if (number !== undefined) {
          note(site, user, number);
        }
      }
    },
  };
}
