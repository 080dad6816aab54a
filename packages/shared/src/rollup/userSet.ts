import { RoaringBitmap32 } from 'roaring-wasm';

/**
 * An exact set of user numbers. It lives in the memory of WebAssembly, so whoever makes one disposes of it; one that is forgotten
 * is freed when the garbage collector finds it.
 */
export type UserSet = RoaringBitmap32;

/** CRoaring's own format: the smaller of a Roaring bitmap and a plain list (https://github.com/RoaringBitmap/CRoaring). */
const FORMAT = 'croaring';

/** The first byte of a plain list in that format: then come the count and the numbers, each in four bytes, the lowest first. */
const LIST_FORM = 1;
const LIST_START = 5;

export function createUserSet(users: readonly number[] = []): UserSet {
  return new RoaringBitmap32(users);
}

export function encodeUserSet(users: UserSet): Uint8Array {
  users.runOptimize();
  return users.serialize(FORMAT);
}

/** What `encodeUserSet` makes of the same users, or a byte more. `users` are ascending numbers, each once. */
export function encodeUserList(users: readonly number[]): Uint8Array {
  if (users.length > countListed(users)) {
    const set = createUserSet(users);
    const bytes = encodeUserSet(set);
    set.dispose();
    return bytes;
  }
  const bytes = new Uint8Array(LIST_START + 4 * users.length);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, LIST_FORM);
  view.setUint32(1, users.length, true);
  for (const [index, user] of users.entries()) {
    view.setUint32(LIST_START + 4 * index, user, true);
  }
  return bytes;
}

/**
 * Up to how many users a list is no larger than a bitmap: that takes 8 bytes, 8 more for each of its containers, one of which holds
 * users that differ in their low 16 bits only, and 2 for each user (https://github.com/RoaringBitmap/RoaringFormatSpec).
 */
function countListed(users: readonly number[]): number {
  let containers = 0;
  let last = -1;
  for (const user of users) {
    const container = user >>> 16;
    containers += container === last ? 0 : 1;
    last = container;
  }
  return 2 + 4 * containers;
}

/** The users of an encoded set if it is a plain list, as those of a few users are. */
export function decodeUserList(bytes: Uint8Array): number[] | undefined {
  if (bytes[0] !== LIST_FORM) {
    return undefined;
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: view.getUint32(1, true) }, (_, index) =>
    view.getUint32(LIST_START + 4 * index, true),
  );
}

/** How many bytes a set takes, about, in memory as well as encoded. */
export function measureUserSet(users: UserSet): number {
  return users.getSerializationSizeInBytes(FORMAT);
}

/** @throws Error if the bytes are none that `encodeUserSet` made. */
export function decodeUserSet(bytes: Uint8Array): UserSet {
  return RoaringBitmap32.deserialize(FORMAT, bytes);
}

/** Adds to a set what an encoded one holds. */
export function addEncodedUsers(users: UserSet, bytes: Uint8Array): void {
  const others = decodeUserSet(bytes);
  users.orInPlace(others);
  others.dispose();
}
