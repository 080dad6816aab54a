import {
  createUserBitmap,
  decodeUserBitmap,
  decodeUserList,
  encodeUserBitmap,
} from '@analytics/rollups/userBitmap';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createBucketCounts } from '../../src/rollup/counting/bucketCounts.ts';
import { createLargeBucketLock } from '../../src/rollup/counting/largeBucketLock.ts';
import { createValueCounts } from '../../src/rollup/counting/valueCounts.ts';
import {
  addEncoded,
  addUsers,
  areSameUsers,
  copyUsers,
  countUsers,
  disposeUsers,
  encodeUsers,
  NO_USERS,
} from '../../src/rollup/counting/valueUsers.ts';

/** Mostly near each other, so that some come twice, in one container of a bitmap or in several. */
const user = fc.oneof(fc.nat({ max: 40 }), fc.nat({ max: 200_000 }), fc.nat({ max: 134_000_000 }));
const additions = fc.array(fc.record({ users: fc.array(user, { maxLength: 40 }), isEncoded: fc.boolean() }), {
  maxLength: 8,
});

test('each user is counted once, few or many, in any order, and the bitmap is that of the set', () => {
  fc.assert(
    fc.property(additions, fc.integer({ min: 1, max: 50 }), (given, maxPending) => {
      const expected = new Set<number>();
      let users = NO_USERS;
      for (const { users: some, isEncoded } of given) {
        users = isEncoded ? addEncoded(users, encode(some), maxPending) : addUsers(users, some, maxPending);
        for (const each of some) {
          expected.add(each);
        }
      }
      const copy = copyUsers(users);

      expect(countUsers(users)).toBe(expected.size);
      expect(decode(encodeUsers(users))).toEqual([...expected].sort((a, b) => a - b));
      expect(encodeUsers(users).length).toBeLessThanOrEqual(encode([...expected]).length + 1);
      expect(areSameUsers(users, copy)).toBe(true);
      const more = addUsers(copy, [134_000_001], maxPending);
      expect(areSameUsers(users, more)).toBe(false);
      disposeUsers(users);
      disposeUsers(more);
    }),
  );
});

function encode(users: readonly number[]): Uint8Array {
  const set = createUserBitmap(users);
  const bytes = encodeUserBitmap(set);
  set.dispose();
  return bytes;
}

function decode(bytes: Uint8Array): number[] {
  const set = decodeUserBitmap(bytes);
  const users = set.toArray();
  set.dispose();
  const listed = decodeUserList(bytes);
  expect(listed ?? users).toEqual(users);
  return users;
}

test('values that share the user of one event do not share the user of the next', () => {
  const counts = createValueCounts();
  const users = [7];
  counts.add('a', 1, users);
  counts.add('b', 1, users);
  counts.add('a', 1, [8]);

  const read = (value: string) => countUsers(counts.rows.get(value)?.users ?? NO_USERS);
  expect([read('a'), read('b'), users]).toEqual([2, 1, [7]]);
  counts.dispose();
});

const DIMENSIONS = ['path', 'event_type', 'referrer_host', 'property:plan', 'property:id'];

// A value of three digits takes some 270 bytes, so that 300 of them take 80,000.
test.each([
  { name: 'the dimension with the most values', unbounded: ['property:id'], maxBytes: 60_000 },
  {
    name: 'a property rather than a path',
    unbounded: ['path', 'property:id'],
    maxBytes: 120_000,
    kept: ['path'],
  },
  { name: 'one after another', unbounded: ['path', 'property:id', 'property:plan'], maxBytes: 60_000 },
  { name: 'nothing where all fits', unbounded: ['path'], maxBytes: 120_000, kept: ['path'] },
])('above its budget a bucket drops $name', ({ unbounded, maxBytes, kept = [] }) => {
  const counts = createBucketCounts({ registerDimension: () => true, maxBytes });
  for (let index = 0; index < 300; index += 1) {
    const values = DIMENSIONS.map(
      (dimension) => [dimension, unbounded.includes(dimension) ? `${index}` : 'x'] as const,
    );
    counts.add({ values: new Map(values), views: 1, users: [index] });
  }

  const overflowed = [...counts.dimensions].filter(([, { hasTooManyValues }]) => hasTooManyValues);
  expect(overflowed.map(([dimension]) => dimension).sort()).toEqual(
    unbounded.filter((dimension) => !kept.includes(dimension)),
  );
  for (const { rows, hasTooManyValues } of counts.dimensions.values()) {
    const views = [...rows.values()].reduce((sum, each) => sum + each.views, 0);
    expect(views).toBe(hasTooManyValues ? 0 : 300);
  }
  expect(counts.bytes).toBeLessThan(maxBytes);
  counts.dispose();
});

test('one large holder runs at a time, and small ones do not wait', async () => {
  const { join } = createLargeBucketLock(100);
  const [first, second, small] = [join(), join(), join()];
  const done: string[] = [];
  await first.hold(101);
  const waiting = second.hold(101)?.then(() => done.push('second'));

  await first.hold(5000);
  await small.hold(100);
  done.push('others');
  first.end();
  await waiting;

  expect(done).toEqual(['others', 'second']);
  second.end();
  await first.hold(101);
});
