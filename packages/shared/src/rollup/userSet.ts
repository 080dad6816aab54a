import { RoaringBitmap32 } from 'roaring-wasm';

/**
 * An exact set of user numbers. It lives in the memory of WebAssembly, so whoever makes one disposes of it; one that is forgotten
 * is freed when the garbage collector finds it.
 */
export type UserSet = RoaringBitmap32;

/** CRoaring's own format: the smaller of a Roaring bitmap and a plain array (https://github.com/RoaringBitmap/CRoaring). */
const FORMAT = 'croaring';

export function createUserSet(): UserSet {
  return new RoaringBitmap32();
}

export function encodeUserSet(users: UserSet): Uint8Array {
  users.runOptimize();
  return users.serialize(FORMAT);
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
