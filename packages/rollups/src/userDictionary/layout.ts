/**
 * A tier of a site's pages. A user id belongs to one page of each tier, and is stored in the first tier whose
 * page had room.
 */
export interface Tier {
  index: number;
  pageCount: number;
  /** The code of the first user of the first page. */
  firstCode: number;
}

/** A page with this many users is full, which bounds the cost of a lookup, however many users a site has. */
export const PAGE_CAPACITY = 64;

/**
 * The tiers, the smallest first. Some hundred million users fit before a page of the last one is full. Stored
 * codes depend on all of this: any change needs a new ROLLUP_FORMAT.
 */
export const TIERS: readonly Tier[] = listTiers();

/** Ends each user id in a page. No accepted event contains it. */
const SEPARATOR = '\0';

function listTiers(): Tier[] {
  const tiers: Tier[] = [];
  let firstCode = 0;
  for (let index = 0; index < 5; index += 1) {
    const pageCount = 4096 * 8 ** index;
    tiers.push({ index, pageCount, firstCode });
    firstCode += pageCount * PAGE_CAPACITY;
  }
  return tiers;
}

/**
 * The page of a user id in a tier: FNV-1a over its UTF-16 code units
 * (http://www.isthe.com/chongo/tech/comp/fnv/). The hash begins with the site code, which is secret, so that
 * nobody can choose ids that fill the same pages.
 */
export function findUserPage(site: number, user: string, { pageCount }: Tier): number {
  let hash = 0x81_1c_9d_c5 ^ site;
  for (let index = 0; index < user.length; index += 1) {
    hash = Math.imul(hash ^ user.charCodeAt(index), 0x01_00_01_93);
  }
  // The low bits of FNV are the weakest where texts end alike.
  return (hash ^ (hash >>> 15)) & (pageCount - 1);
}

/**
 * The code of the user at an offset in a page. The pages of a tier fill evenly, so that codes have few gaps.
 */
export function toUserCode({ pageCount, firstCode }: Tier, page: number, offset: number): number {
  return firstCode + offset * pageCount + page;
}

/**
 * The text that adds users to a page.
 *
 * @throws Error if a user id contains the separator.
 */
export function encodePage(users: readonly string[]): string {
  const text = users.map((user) => user + SEPARATOR).join('');
  if (text.split(SEPARATOR).length !== users.length + 1) {
    throw new Error('A user_id contains NUL, which no accepted event has. Correct or delete its events.');
  }
  return text;
}

/**
 * Yields the user ids of a page, in order.
 *
 * @throws Error if `encodePage` did not make the text.
 */
export function* decodePage(text: string): Generator<string> {
  for (let start = 0; start < text.length; ) {
    const end = text.indexOf(SEPARATOR, start);
    if (end < 0) {
      throw new Error(
        'A page of the user dictionary is not in the current format. Drop the rollup collections; they are rebuilt.',
      );
    }
    yield text.slice(start, end);
    start = end + 1;
  }
}
