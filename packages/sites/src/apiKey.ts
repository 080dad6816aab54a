import { hash, randomBytes } from 'node:crypto';

/**
 * A key writes events of one site, reads reports of one site, or administers all sites. A share token reads
 * reports of one site, too, and may be part of a link.
 */
export const KEY_KINDS = ['write', 'read', 'share', 'admin'] as const;

export type KeyKind = (typeof KEY_KINDS)[number];

/** The start of a key. It shows the kind, and scanners find leaked keys by it. */
const PREFIXES: Record<KeyKind, string> = {
  write: 'aw_',
  read: 'ar_',
  share: 'as_',
  admin: 'aa_',
};

const SECRET_BYTES = 32;

/** Hexadecimal digits of the hash that name a key in lists and commands. They reveal nothing of the key. */
const ID_DIGITS = 12;

/** A prefix and 256 bits in base64url. */
const KEY_PATTERN = /^a[wrsa]_[\w-]{43}$/;

/** A new key of 256 random bits. It is shown once; only its hash is stored. */
export function createKey(kind: KeyKind): { key: string; hash: string } {
  const key = PREFIXES[kind] + randomBytes(SECRET_BYTES).toString('base64url');
  return { key, hash: hashKey(key) };
}

/** SHA-256 in hexadecimal digits. A random key of 256 bits needs no slow hash. */
export function hashKey(key: string): string {
  return hash('sha256', key, 'hex');
}

export function toKeyId(hash: string): string {
  return hash.slice(0, ID_DIGITS);
}

/** Whether a text has the form of a key: of any kind, or of one. */
export function isKeyText(text: string, kind?: KeyKind): boolean {
  return KEY_PATTERN.test(text) && (kind === undefined || text.startsWith(PREFIXES[kind]));
}
