import { createHash, randomBytes } from 'node:crypto';

const OBJECT_ID = /^[0-9a-f]{24}$/;

/** Whether a value is an ObjectId as 24 hexadecimal digits. */
export function isObjectId(value: unknown): value is string {
  return typeof value === 'string' && OBJECT_ID.test(value);
}

/**
 * The `_id` that follows from a namespace and a key in it: the first 12 bytes of SHA-256 over both with a NUL
 * between, as 24 hexadecimal digits. The namespace must not contain NUL, or two pairs could have the same
 * text.
 */
export function deriveEventId(namespace: string, key: string): string {
  return createHash('sha256').update(`${namespace}\0${key}`).digest('hex').slice(0, 24);
}

const processRandomHex = randomBytes(5).toString('hex');
let counter = randomBytes(3).readUIntBE(0, 3);

/**
 * A new ObjectId as 24 hexadecimal digits, without loading a MongoDB library: four bytes of seconds since
 * 1970, five random bytes of this process, a three-byte counter
 * (https://www.mongodb.com/docs/manual/reference/bson-types/#objectid).
 */
export function createEventId(now = Date.now()): string {
  counter = (counter + 1) & 0xff_ff_ff;
  const seconds = Math.floor(now / 1000) % 0x1_00_00_00_00;
  return hex(seconds, 8) + processRandomHex + hex(counter, 6);
}

function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, '0');
}
