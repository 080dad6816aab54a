/** At least this many recent codes are kept, and at most twice as many. */
const GENERATION_USERS = 150_000;

/** A generation also ends with this many UTF-16 code units of user ids: some 150,000 UUIDs. */
const GENERATION_UNITS = 6_000_000;

/** The user codes that were used recently. */
export interface RecentCodes {
  /** Adds the codes it has to `codes`, and returns the other users. */
  find(site: number, users: Iterable<string>, codes: Map<string, number>): string[];
  add(site: number, users: readonly string[], codes: ReadonlyMap<string, number>): void;
}

/**
 * An LRU cache of two generations: when the young one is full it replaces the old one, and unused codes go.
 */
export function createRecentCodes(): RecentCodes {
  let young = new Map<number, Map<string, number>>();
  let old = young;
  let youngUsers = 0;
  let youngUnits = 0;

  function addOne(site: number, user: string, code: number): void {
    const codes = young.get(site) ?? new Map<string, number>();
    young.set(site, codes);
    codes.set(user, code);
    youngUsers += 1;
    youngUnits += user.length;
    if (youngUsers >= GENERATION_USERS || youngUnits >= GENERATION_UNITS) {
      old = young;
      young = new Map();
      youngUsers = 0;
      youngUnits = 0;
    }
  }

  return {
    find: (site, users, codes) => {
      const unknown: string[] = [];
      for (const user of users) {
        let code = young.get(site)?.get(user);
        if (code === undefined) {
          code = old.get(site)?.get(user);
          if (code === undefined) {
            unknown.push(user);
            continue;
          }
          addOne(site, user, code);
        }
        codes.set(user, code);
      }
      return unknown;
    },
    add: (site, users, codes) => {
      for (const user of users) {
        const code = codes.get(user);
        if (code !== undefined) {
          addOne(site, user, code);
        }
      }
    },
  };
}
