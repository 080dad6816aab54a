import { expect, test } from 'vitest';
import { createKey, hashKey, isKeyText, KEY_KINDS, toKeyId } from '../src/apiKey.ts';
import { createSiteDirectory } from '../src/siteSnapshot.ts';

test('a key shows its kind, has 256 random bits, and is found by its hash until it expires', () => {
  const made = KEY_KINDS.map((kind) => ({ kind, ...createKey(kind) }));

  expect(made.map(({ key }) => key.slice(0, 3))).toEqual(['aw_', 'ar_', 'as_', 'aa_']);
  expect(made.map(({ key }) => Buffer.from(key.slice(3), 'base64url').length)).toEqual([32, 32, 32, 32]);
  expect(new Set(made.map(({ key }) => key.slice(3))).size).toBe(4);
  expect(made.map(({ key, hash }) => hashKey(key) === hash && isKeyText(key))).toEqual([
    true,
    true,
    true,
    true,
  ]);
  expect(toKeyId(made[0]?.hash ?? '')).toMatch(/^[0-9a-f]{12}$/);

  const keys = made.map(({ kind, hash }) => ({ hash, kind, site_id: 'a', expiresAtMs: 1000 }));
  const directory = createSiteDirectory({ sites: [], keys });
  const text = made[0]?.key ?? '';
  expect(directory.findKey(text, 999)?.kind).toBe('write');
  expect(directory.findKey(text, 1000)).toBeUndefined();
  expect(directory.findKey(`ar_${text.slice(3)}`, 0)).toBeUndefined();
});

test.each([
  '',
  'aw_',
  'aw_short',
  `ax_${'a'.repeat(43)}`,
  `aw_${'a'.repeat(44)}`,
  `aw_${'!'.repeat(43)}`,
  '__proto__',
])('%s is not the text of a key', (text) => {
  expect(isKeyText(text)).toBe(false);
  expect(createSiteDirectory({ sites: [], keys: [] }).findKey(text, 0)).toBeUndefined();
});
