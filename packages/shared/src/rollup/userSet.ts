import { RoaringBitmap32 } from 'roaring-wasm';

/**
 * An exact set of user numbers. It lives in the memory of WebAssembly, so whoever makes one disposes of it;
 * one that is forgotten is freed when the garbage collector finds it.
 */
export type UserSet = RoaringBitmap32;

/**
 * CRoaring's own format: the smaller of a Roaring bitmap and a plain list
 * (https://github.com/RoaringBitmap/CRoaring).
 */
const FORMAT = 'croaring';

/**
 * The first byte of a plain list in that format. The count and the numbers follow, each a little-endian
 * uint32.
 */
const LIST_FORM = 1;
const LIST_START = 5;

export function createUserSet(users: readonly number[] = []): UserSet {
  return new RoaringBitmap32(users);
}

export function encodeUserSet(users: UserSet): Uint8Array {
  users.runOptimize();
  return users.serialize(FORMAT);
}

/** Encodes a few users in the format of `encodeUserSet`. `users` are ascending and distinct. */
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
 * The most users for which a list is no larger than a bitmap. A bitmap takes 8 bytes, 8 per container (the
 * users that share their high 16 bits) and 2 per user (https://github.com/RoaringBitmap/RoaringFormatSpec).
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

/** The users of an encoded set if it is a plain list; undefined if it is a bitmap. */
export function decodeUserList(bytes: Uint8Array): number[] | undefined {
  if (bytes[0] !== LIST_FORM) {
    return undefined;
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: view.getUint32(1, true) }, (_, index) =>
    view.getUint32(LIST_START + 4 * index, true),
  );
}

/** The size of a set in bytes when encoded, which is about what it takes of memory. */
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
