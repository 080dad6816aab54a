import {
  addEncodedUsers,
  createUserBitmap,
  decodeUserBitmap,
  decodeUserList,
  encodeUserBitmap,
  encodeUserList,
  measureUserBitmap,
  type UserBitmap,
} from '@analytics/rollups/userBitmap';

/**
 * The users of one value: a list while they are few, which is the case for most values, then a bitmap. A list
 * is never changed in place, so the values of one event can share it.
 */
export type ValueUsers = readonly number[] | BufferedBitmap;

interface BufferedBitmap {
  bitmap: UserBitmap;
  /** Buffered, because a call into WebAssembly costs as much as adding some hundred users. */
  pending: number[];
  /** The size of the bitmap when it was last measured. */
  bytes: number;
}

/** The most users of a list. A bitmap takes several times the memory of a short list. */
const MAX_LISTED_USERS = 16;

/** What a bitmap takes besides its encoded size, in both memories. */
const BITMAP_OVERHEAD_BYTES = 512;

export const NO_USERS: ValueUsers = [];

/**
 * Returns the users with others added, in any order and with repetitions. Buffers up to `maxPending` of them.
 */
export function addUsers(users: ValueUsers, others: readonly number[], maxPending: number): ValueUsers {
  if (!isBitmap(users)) {
    if (users.length + others.length <= MAX_LISTED_USERS) {
      return users.length === 0 ? others : [...users, ...others];
    }
    const distinct = sortDistinct([...users, ...others]);
    return distinct.length <= MAX_LISTED_USERS ? distinct : createBuffered(createUserBitmap(distinct));
  }
  for (const user of others) {
    users.pending.push(user);
  }
  if (users.pending.length >= maxPending) {
    settle(users);
  }
  return users;
}

/** Returns the users with those of an encoded bitmap added. */
export function addEncoded(users: ValueUsers, bytes: Uint8Array, maxPending: number): ValueUsers {
  const others = decodeUserList(bytes);
  if (others) {
    return addUsers(users, others, maxPending);
  }
  if (isBitmap(users)) {
    addEncodedUsers(users.bitmap, bytes);
    users.bytes = measureUserBitmap(users.bitmap);
    return users;
  }
  const bitmap = decodeUserBitmap(bytes);
  if (bitmap.size <= MAX_LISTED_USERS) {
    const listed = bitmap.toArray();
    bitmap.dispose();
    return addUsers(users, listed, maxPending);
  }
  bitmap.addMany(users);
  return createBuffered(bitmap);
}

/** A copy that does not change with the original. */
export function copyUsers(users: ValueUsers): ValueUsers {
  return isBitmap(users) ? createBuffered(settle(users).clone()) : users;
}

export function countUsers(users: ValueUsers): number {
  return isBitmap(users) ? settle(users).size : new Set(users).size;
}

export function encodeUsers(users: ValueUsers): Uint8Array {
  return isBitmap(users) ? encodeUserBitmap(settle(users)) : encodeUserList(sortDistinct(users));
}

export function areSameUsers(a: ValueUsers, b: ValueUsers): boolean {
  const [first, second] = [a, b].map((users) =>
    isBitmap(users) ? settle(users).clone() : createUserBitmap(users),
  ) as [UserBitmap, UserBitmap];
  const areSame = first.isEqual(second);
  first.dispose();
  second.dispose();
  return areSame;
}

export function isBitmap(users: ValueUsers): users is BufferedBitmap {
  return 'bitmap' in users;
}

/** The memory that the users take, estimated, without those that are buffered. */
export function measureUsers(users: ValueUsers): number {
  return isBitmap(users) ? BITMAP_OVERHEAD_BYTES + users.bytes : 8 * users.length;
}

/** Frees the bitmap, if there is one. */
export function disposeUsers(users: ValueUsers): void {
  if (isBitmap(users)) {
    users.bitmap.dispose();
  }
}

function createBuffered(bitmap: UserBitmap): BufferedBitmap {
  return { bitmap, pending: [], bytes: measureUserBitmap(bitmap) };
}

function settle(users: BufferedBitmap): UserBitmap {
  if (users.pending.length > 0) {
    // In their order they go to one part of the bitmap after another.
    users.bitmap.addMany(Uint32Array.from(users.pending).sort());
    users.pending = [];
    users.bytes = measureUserBitmap(users.bitmap);
  }
  return users.bitmap;
}

function sortDistinct(users: readonly number[]): number[] {
  const sorted = Uint32Array.from(users).sort();
  const distinct: number[] = [];
  for (const user of sorted) {
    if (user !== distinct.at(-1)) {
      distinct.push(user);
    }
  }
  return distinct;
}
