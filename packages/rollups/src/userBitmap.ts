import { RoaringBitmap32 } from 'roaring-wasm';

/**
 * An exact set of user codes. It lives in the memory of WebAssembly: dispose of it, or the garbage collector
 * frees it some time later.
 */
export type UserBitmap = RoaringBitmap32;

/**
 * CRoaring's own format: the smaller of a Roaring bitmap and a list
 * (https://github.com/RoaringBitmap/CRoaring).
 */
const FORMAT = 'croaring';

/** The first byte of a list in that format. The count and the codes follow, each a little-endian uint32. */
const LIST_FORM = 1;
const LIST_START = 5;

export function createUserBitmap(codes: readonly number[] = []): UserBitmap {
  return new RoaringBitmap32(codes);
}

export function encodeUserBitmap(users: UserBitmap): Uint8Array {
  users.runOptimize();
  return users.serialize(FORMAT);
}

/** Encodes a few users in the format of `encodeUserBitmap`. `codes` are ascending and distinct. */
export function encodeUserList(codes: readonly number[]): Uint8Array {
  if (codes.length > findLongestList(codes)) {
    const bitmap = createUserBitmap(codes);
    const bytes = encodeUserBitmap(bitmap);
    bitmap.dispose();
    return bytes;
  }
  const bytes = new Uint8Array(LIST_START + 4 * codes.length);
  const view = new DataView(bytes.buffer);
  view.setUint8(0, LIST_FORM);
  view.setUint32(1, codes.length, true);
  for (const [index, code] of codes.entries()) {
    view.setUint32(LIST_START + 4 * index, code, true);
  }
  return bytes;
}

/**
 * The most users for which a list is no larger than a bitmap. A bitmap takes 8 bytes, 8 per container (the
 * codes that share their high 16 bits) and 2 per code (https://github.com/RoaringBitmap/RoaringFormatSpec).
 */
function findLongestList(codes: readonly number[]): number {
  let containers = 0;
  let last = -1;
  for (const code of codes) {
    const container = code >>> 16;
    containers += container === last ? 0 : 1;
    last = container;
  }
  return 2 + 4 * containers;
}

/** The codes of an encoded bitmap that is stored as a list; otherwise undefined. */
export function decodeUserList(bytes: Uint8Array): number[] | undefined {
  if (bytes[0] !== LIST_FORM) {
    return undefined;
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: view.getUint32(1, true) }, (_, index) =>
    view.getUint32(LIST_START + 4 * index, true),
  );
}

/** The encoded size in bytes, which is about the memory that the bitmap takes. */
export function measureUserBitmap(users: UserBitmap): number {
  return users.getSerializationSizeInBytes(FORMAT);
}

/** @throws Error if `encodeUserBitmap` did not make the bytes. */
export function decodeUserBitmap(bytes: Uint8Array): UserBitmap {
  return RoaringBitmap32.deserialize(FORMAT, bytes);
}

/** Adds the users of an encoded bitmap to another one. */
export function addEncodedUsers(users: UserBitmap, bytes: Uint8Array): void {
  const others = decodeUserBitmap(bytes);
  users.orInPlace(others);
  others.dispose();
}
