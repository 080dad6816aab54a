import { chunk } from '@analytics/shared/chunk';
import type { RollupCollections, UserSlotDocument } from '@analytics/shared/rollup/rollupCollections';
import { findUserSlot } from '@analytics/shared/rollup/userSlots';
import { isOnlyDuplicates } from './duplicateKeys.ts';

/** So many users are remembered at least, and at most twice as many. */
const REMEMBERED_USERS = 150_000;

/** Slots that are asked for or written in one command. */
const SLOTS_PER_COMMAND = 1000;

export interface UserNumbers {
  /** Finds the numbers of a site's users, and gives one to each that has none. A number is given once and for ever. */
  resolve(site: number, users: ReadonlySet<string>): Promise<(user: string) => number>;
}

/** Keeps the numbers of users in MongoDB, and those that were seen lately in memory. */
export function createUserNumbers({
  sites,
  userSlots,
}: Pick<RollupCollections, 'sites' | 'userSlots'>): UserNumbers {
  const memory = createMemory();
  // One after another, so that two rollups don't give one user two numbers at the same time and have to find that out.
  let last: Promise<unknown> = Promise.resolve();

  async function load(site: number, users: readonly string[]): Promise<string[]> {
    const slots = groupBySlot(users);
    for (const some of chunk([...slots.keys()], SLOTS_PER_COMMAND)) {
      const ids = some.map((slot) => ({ site, slot }));
      for await (const document of userSlots.find({ _id: { $in: ids } })) {
        rememberWanted(document, slots.get(document._id.slot) ?? []);
      }
    }
    return users.filter((user) => memory.get(site, user) === undefined);
  }

  function rememberWanted({ _id, users, numbers }: UserSlotDocument, wanted: readonly string[]): void {
    const known = new Map(users.map((user, index) => [user, numbers[index]]));
    for (const user of wanted) {
      const number = known.get(user);
      if (number !== undefined) {
        memory.set(_id.site, user, number);
      }
    }
  }

  /** Users that another process has numbered meanwhile keep those numbers; the ones that were meant for them stay unused. */
  async function add(site: number, users: readonly string[]): Promise<void> {
    const result = await sites.findOneAndUpdate(
      { number: site },
      { $inc: { user_numbers: users.length } },
      { returnDocument: 'before' },
    );
    let number = result?.user_numbers ?? 0;
    const slots = [...groupBySlot(users)].map(([slot, added]) => {
      return { _id: { site, slot }, users: added, numbers: added.map(() => number++) };
    });
    for (const some of chunk(slots, SLOTS_PER_COMMAND)) {
      if (await pushUsers(some)) {
        for (const slot of some) {
          rememberWanted(slot, slot.users);
        }
      }
    }
  }

  /** @returns whether all of them are in their slots now, each with the number meant for it. */
  async function pushUsers(slots: readonly UserSlotDocument[]): Promise<boolean> {
    const operations = slots.map(({ _id, users, numbers }) => ({
      updateOne: {
        filter: { _id, users: { $nin: users } },
        update: { $push: { users: { $each: users }, numbers: { $each: numbers } } },
        upsert: true,
      },
    }));
    try {
      await userSlots.bulkWrite(operations, { ordered: false });
      return true;
    } catch (error) {
      // A slot that has one of the users by now fails the filter, so that the upsert tries to make the slot anew.
      if (isOnlyDuplicates(error)) {
        return false;
      }
      throw error;
    }
  }

  async function resolveMissing(site: number, users: readonly string[]): Promise<void> {
    let missing = await load(site, users);
    while (missing.length > 0) {
      await add(site, missing);
      const unsure = missing.filter((user) => memory.get(site, user) === undefined);
      missing = await load(site, unsure);
    }
  }

  return {
    resolve: async (site, users) => {
      const unknown = [...users].filter((user) => memory.get(site, user) === undefined);
      if (unknown.length > 0) {
        const turn = last.then(() => resolveMissing(site, unknown));
        last = turn.catch(() => undefined);
        await turn;
      }
      const numbers = new Map([...users].map((user) => [user, memory.get(site, user)]));
      return (user) => requireNumber(numbers.get(user), user);
    },
  };
}

function requireNumber(number: number | undefined, user: string): number {
  if (number === undefined) {
    throw new Error(`A user of ${user.length} characters has no number.`);
  }
  return number;
}

function groupBySlot(users: readonly string[]): Map<number, string[]> {
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

/** Two generations: when the young one is full, it becomes the old one, and what nobody has asked for since is gone. */
function createMemory() {
  let young = new Map<string, number>();
  let old = new Map<string, number>();

  function remember(key: string, number: number): void {
    young.set(key, number);
    if (young.size >= REMEMBERED_USERS) {
      old = young;
      young = new Map();
    }
  }

  return {
    get: (site: number, user: string): number | undefined => {
      const key = `${site}/${user}`;
      const number = young.get(key);
      if (number !== undefined) {
        return number;
      }
      const older = old.get(key);
      if (older !== undefined) {
        remember(key, older);
      }
      return older;
    },
    set: (site: number, user: string, number: number) => remember(`${site}/${user}`, number),
  };
}
