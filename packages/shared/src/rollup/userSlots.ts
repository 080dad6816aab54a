/** How many slots a site's users are divided among. Stored numbers depend on it, so it stays. */
export const USER_SLOTS = 4096;

/** The slot of a user: FNV-1a over the UTF-16 code units (http://www.isthe.com/chongo/tech/comp/fnv/). */
export function findUserSlot(user: string): number {
  let hash = 0x81_1c_9d_c5;
  for (let index = 0; index < user.length; index += 1) {
    hash = Math.imul(hash ^ user.charCodeAt(index), 0x01_00_01_93);
  }
  // The low bits of FNV are the weakest where texts end alike.
  return (hash ^ (hash >>> 15)) & (USER_SLOTS - 1);
}
