import {
  addEncodedUsers,
  createUserSet,
  decodeUserList,
  decodeUserSet,
  encodeUserList,
  encodeUserSet,
  measureUserSet,
  type UserSet,
} from '@analytics/shared/rollup/userSet';

/**
 * The users of one value: a list while they are few, which is the case for most values, then a bitmap. A list
 * is never changed in place, so the values of one event can share it.
 */
export type ValueUsers = readonly number[] | ManyUsers;

interface ManyUsers {
  set: UserSet;
  /** Buffered, because a call into WebAssembly costs as much as adding some hundred users. */
  pending: number[];
  /** The size of the set when it was last measured. */
  bytes: number;
}

/** The most users of a list. A bitmap takes several times the memory of a short list. */
const MAX_LISTED_USERS = 16;

/** What a bitmap takes besides its encoded size, in both memories. */
const SET_OVERHEAD_BYTES = 512;

export const NO_USERS: ValueUsers = [];

/**
 * Returns the users with others added, in any order and with repetitions. Buffers up to `maxPending` of them.
 */
export function addUsers(users: ValueUsers, others: readonly number[], maxPending: number): ValueUsers {
  if (!isMany(users)) {
    if (users.length + others.length <= MAX_LISTED_USERS) {
      return users.length === 0 ? others : [...users, ...others];
    }
    const distinct = sortDistinct([...users, ...others]);
    return distinct.length <= MAX_LISTED_USERS ? distinct : createMany(createUserSet(distinct));
  }
  for (const user of others) {
    users.pending.push(user);
  }
  if (users.pending.length >= maxPending) {
    settle(users);
  }
  return users;
}

/** Returns the users with those of an encoded set added. */
export function addEncoded(users: ValueUsers, bytes: Uint8Array, maxPending: number): ValueUsers {
  const others = decodeUserList(bytes);
  if (others) {
    return addUsers(users, others, maxPending);
  }
  if (isMany(users)) {
    addEncodedUsers(users.set, bytes);
    users.bytes = measureUserSet(users.set);
    return users;
  }
  const set = decodeUserSet(bytes);
  if (set.size <= MAX_LISTED_USERS) {
    const listed = set.toArray();
    set.dispose();
    return addUsers(users, listed, maxPending);
  }
  set.addMany(users);
  return createMany(set);
}

/** A copy that does not change with the original. */
export function copyUsers(users: ValueUsers): ValueUsers {
  return isMany(users) ? createMany(settle(users).clone()) : users;
}

export function countUsers(users: ValueUsers): number {
  return isMany(users) ? settle(users).size : new Set(users).size;
}

export function encodeUsers(users: ValueUsers): Uint8Array {
  return isMany(users) ? encodeUserSet(settle(users)) : encodeUserList(sortDistinct(users));
}

export function areSameUsers(a: ValueUsers, b: ValueUsers): boolean {
  const [first, second] = [a, b].map((users) =>
    isMany(users) ? settle(users).clone() : createUserSet(users),
  ) as [UserSet, UserSet];
  const areSame = first.isEqual(second);
  first.dispose();
  second.dispose();
  return areSame;
}

export function isMany(users: ValueUsers): users is ManyUsers {
  return 'set' in users;
}

/** The memory that the users take, estimated, without those that are buffered. */
export function measureUsers(users: ValueUsers): number {
  return isMany(users) ? SET_OVERHEAD_BYTES + users.bytes : 8 * users.length;
}

/** Frees the bitmap, if there is one. */
export function disposeUsers(users: ValueUsers): void {
  if (isMany(users)) {
    users.set.dispose();
  }
}

function createMany(set: UserSet): ManyUsers {
  return { set, pending: [], bytes: measureUserSet(set) };
}

function settle(users: ManyUsers): UserSet {
  if (users.pending.length > 0) {
    // In their order they go to one part of the bitmap after another.
    users.set.addMany(Uint32Array.from(users.pending).sort());
    users.pending = [];
    users.bytes = measureUserSet(users.set);
  }
  return users.set;
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
