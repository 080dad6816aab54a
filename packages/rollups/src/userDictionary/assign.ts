import { chunk } from '@analytics/shared/async/chunk';
import { createSequence } from '@analytics/shared/async/sequence';
import { isOnlyDuplicateKeys } from '@analytics/shared/mongo/mongoErrors';
import type { RollupCollections, UserPageDocument } from '../documents.ts';
import { encodePage, PAGE_CAPACITY, TIERS, type Tier, toUserCode } from './layout.ts';
import { lookUpInTier } from './lookup.ts';
import { createRecentCodes } from './recentCodes.ts';

/** Larger lookups would save little, and hold all of their users in memory. */
const USERS_PER_LOOKUP = 100_000;

const PAGES_PER_COMMAND = 1000;

type UserPages = Pick<RollupCollections, 'userPages' | 'readOptions'>;

/** The codes of the users of all sites. */
export interface UserDictionary {
  /** Finds the codes of a site's users, and assigns one to each new user. An assigned code never changes. */
  assign(site: number, users: ReadonlySet<string>): Promise<ReadonlyMap<string, number>>;
}

/** Keeps the codes in MongoDB, and the recent ones in memory. */
export function createUserDictionary(collections: UserPages): UserDictionary {
  const recent = createRecentCodes();
  // One lookup after the other: two at a time would read the same pages and then both try to add to them.
  const inTurn = createSequence();
  return {
    assign: async (site, users) => {
      const codes = new Map<string, number>();
      const unknown = recent.find(site, users, codes);
      if (unknown.length > 0) {
        await inTurn(async () => {
          for (const some of chunk(unknown, USERS_PER_LOOKUP)) {
            await assignUnknown(collections, site, some, codes);
          }
        });
        recent.add(site, unknown, codes);
      }
      return codes;
    },
  };
}

async function assignUnknown(
  collections: UserPages,
  site: number,
  users: readonly string[],
  codes: Map<string, number>,
): Promise<void> {
  let remaining = users;
  for (const tier of TIERS) {
    remaining = await assignInTier(collections, site, tier, remaining, codes);
    if (remaining.length === 0) {
      return;
    }
  }
  throw new Error(
    'A site has more users than there are codes, some hundred million. Hours with new users are read from events.',
  );
}

/** Assigns codes to the users that a tier contains or has room for. Resolves with the others. */
async function assignInTier(
  collections: UserPages,
  site: number,
  tier: Tier,
  users: Iterable<string>,
  codes: Map<string, number>,
): Promise<string[]> {
  const withoutRoom: string[] = [];
  for (let wanted = [...users]; wanted.length > 0; ) {
    const pages = await lookUpInTier(collections, site, tier, wanted, codes);
    const withRoom = pages.filter(({ count }) => count < PAGE_CAPACITY);
    const additions = withRoom.flatMap(({ _id, count, missing }) =>
      missing.size > 0 ? [{ _id, count, users: [...missing].slice(0, PAGE_CAPACITY - count) }] : [],
    );
    for (const some of chunk(additions, PAGES_PER_COMMAND)) {
      if (await append(collections, some)) {
        recordAdded(tier, some, codes);
      }
    }
    for (const { count, missing } of pages) {
      if (count >= PAGE_CAPACITY) {
        withoutRoom.push(...missing);
      }
    }
    // Look up again the users of pages that became full, or that another process has added to.
    wanted = withRoom.flatMap(({ missing }) => [...missing].filter((user) => !codes.has(user)));
  }
  return withoutRoom;
}

/** Users to be added to a page that has `count` users. */
interface Addition extends Pick<UserPageDocument, '_id' | 'count'> {
  users: string[];
}

/** Resolves with whether all users are in their pages now, at the offsets from `count` on. */
async function append({ userPages }: UserPages, additions: readonly Addition[]): Promise<boolean> {
  const operations = additions.map(({ _id, count, users }) => ({
    updateOne: {
      filter: { _id, count },
      update: [
        {
          $set: {
            count: count + users.length,
            users: { $concat: [{ $ifNull: ['$users', ''] }, { $literal: encodePage(users) }] },
          },
        },
      ],
      upsert: count === 0,
    },
  }));
  try {
    const { matchedCount, upsertedCount } = await userPages.bulkWrite(operations, { ordered: false });
    // A page that another process has added to does not match the filter.
    return matchedCount + upsertedCount === operations.length;
  } catch (error) {
    // Another process has created the page.
    if (isOnlyDuplicateKeys(error)) {
      return false;
    }
    throw error;
  }
}

function recordAdded(tier: Tier, additions: readonly Addition[], codes: Map<string, number>): void {
  for (const { _id, count, users } of additions) {
    for (const [index, user] of users.entries()) {
      codes.set(user, toUserCode(tier, _id.page, count + index));
    }
  }
}
