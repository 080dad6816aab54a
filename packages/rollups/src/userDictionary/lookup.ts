import { chunk } from '@analytics/shared/async/chunk';
import { forEachConcurrent } from '@analytics/shared/async/forEachConcurrent';
import { mongo } from 'mongoose';
import type { RollupCollections, UserPageDocument } from '../documents.ts';
import { toPageKey } from '../keys.ts';
import { RollupUnreadableError } from '../rollupErrors.ts';
import { decodePage, findUserPage, PAGE_CAPACITY, TIERS, type Tier, toUserCode } from './layout.ts';

const PAGES_PER_COMMAND = 1000;

const CONCURRENT_COMMANDS = 4;

/** A page in which users were looked up. */
export interface LookedUpPage extends Pick<UserPageDocument, '_id' | 'count'> {
  /** The users that are not there. */
  missing: Set<string>;
}

/**
 * Looks up users of a site in a tier, and adds the codes of those it finds to `codes`. Resolves with every
 * page it read.
 */
export async function lookUpInTier(
  { userPages, readOptions }: Pick<RollupCollections, 'userPages' | 'readOptions'>,
  site: number,
  tier: Tier,
  users: Iterable<string>,
  codes: Map<string, number>,
): Promise<LookedUpPage[]> {
  const pages = groupByPage(site, tier, users);
  // A code that another process has written counts once it can't be rolled back any more.
  const options = { ...readOptions, readConcern: 'majority', batchSize: PAGES_PER_COMMAND } as const;
  const ids = [...pages.values()].map(({ _id }) => _id);
  await forEachConcurrent(CONCURRENT_COMMANDS, chunk(ids, PAGES_PER_COMMAND), async (some) => {
    for await (const document of userPages.find({ _id: { $in: some } }, options)) {
      const page = pages.get(document._id.page);
      if (page) {
        page.count = document.count;
        recordCodes(tier, document, page.missing, codes);
      }
    }
  });
  return [...pages.values()];
}

function groupByPage(site: number, tier: Tier, users: Iterable<string>): Map<number, LookedUpPage> {
  const pages = new Map<number, LookedUpPage>();
  for (const user of users) {
    const page = findUserPage(site, user, tier);
    const found = pages.get(page);
    if (found) {
      found.missing.add(user);
    } else {
      pages.set(page, { _id: toPageKey(site, tier.index, page), count: 0, missing: new Set([user]) });
    }
  }
  return pages;
}

/** Moves users from `missing` to `codes`. */
function recordCodes(
  tier: Tier,
  { _id, users }: UserPageDocument,
  missing: Set<string>,
  codes: Map<string, number>,
): void {
  let offset = 0;
  for (const user of decodePage(users)) {
    if (missing.delete(user)) {
      codes.set(user, toUserCode(tier, _id.page, offset));
      if (missing.size === 0) {
        return;
      }
    }
    offset += 1;
  }
}

/**
 * Looks up the codes of a site's users. A user without a code is in no bitmap.
 *
 * @throws RollupUnreadableError
 */
export async function lookUpUserCodes(
  collections: Pick<RollupCollections, 'userPages' | 'readOptions'>,
  site: number,
  users: ReadonlySet<string>,
): Promise<Map<string, number>> {
  const codes = new Map<string, number>();
  let wanted = [...users];
  try {
    for (const tier of TIERS) {
      const pages = await lookUpInTier(collections, site, tier, wanted, codes);
      // A user that is missing from a page with room is in no later tier.
      wanted = pages.flatMap(({ count, missing }) => (count >= PAGE_CAPACITY ? [...missing] : []));
      if (wanted.length === 0) {
        break;
      }
    }
  } catch (error) {
    // Any other error comes from decoding the stored pages.
    if (error instanceof mongo.MongoError || collections.readOptions.signal?.aborted) {
      throw error;
    }
    throw new RollupUnreadableError('user pages are not in the current format', undefined, error);
  }
  return codes;
}
