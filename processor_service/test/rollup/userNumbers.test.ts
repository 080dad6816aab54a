import { useTestStack } from '@analytics/local-stack/testing/useTestStack';
import { createMongoConnection } from '@analytics/shared/mongo/mongo';
import {
  openRollupCollections,
  ROLLUP_COLLECTIONS,
  type UserSlotDocument,
} from '@analytics/shared/rollup/rollupCollections';
import { SLOT_CAPACITY, SLOT_LEVELS, type SlotLevel } from '@analytics/shared/rollup/userSlots';
import { expect, test } from 'vitest';
import { createUserNumbers } from '../../src/rollup/userNumbers.ts';
import { makeUsersOfOneSlot } from './usersOfOneSlot.ts';

const stack = useTestStack();
const connection = createMongoConnection();
stack.register(() => connection.close());
await connection.openUri(stack.MONGO_URI);
const { db } = connection;
if (!db) {
  throw new Error('The test is not connected to MongoDB.');
}
const collections = openRollupCollections(db);

/** How many users each slot of a site has, by level. */
async function countBySlot(site: number): Promise<number[][]> {
  const slots = await collections.userSlots.find({ '_id.site': site }).toArray();
  return SLOT_LEVELS.map(({ index }) =>
    slots.filter(({ _id }) => _id.level === index).map(({ count }) => count),
  );
}

function sum(counts: number[] = []): number {
  return counts.reduce((total, count) => total + count, 0);
}

test('two processes that number the same users at the same time agree, past the room of some slots, too', async () => {
  const site = 1;
  const users = makeUsersOfOneSlot(site, SLOT_LEVELS[1] as SlotLevel, 3 * SLOT_CAPACITY);
  const [one, other] = [createUserNumbers(collections), createUserNumbers(collections)];
  const first = new Set(users.slice(0, 2 * SLOT_CAPACITY));
  const last = new Set(users.slice(SLOT_CAPACITY).reverse());

  const found = await Promise.all([one.resolve(site, first), other.resolve(site, last)]);

  const numbers = await createUserNumbers(collections).resolve(site, new Set(users));
  expect(new Set(numbers.values()).size).toBe(users.length);
  for (const [user, number] of found.flatMap((each) => [...each])) {
    expect(numbers.get(user)).toBe(number);
  }
  const [ofFirst, ofSecond, ofThird, ...others] = await countBySlot(site);
  expect(ofFirst).toEqual([SLOT_CAPACITY]);
  expect(ofSecond).toEqual([SLOT_CAPACITY]);
  expect(sum(ofThird)).toBe(SLOT_CAPACITY);
  expect(others.flat()).toEqual([]);
});

test('the numbers of each level begin where those of the one before end', () => {
  const ends = SLOT_LEVELS.map(({ slotCount, firstNumber }) => firstNumber + slotCount * SLOT_CAPACITY);

  expect(SLOT_LEVELS.map(({ firstNumber }) => firstNumber)).toEqual([0, ...ends.slice(0, -1)]);
  expect(ends.at(-1)).toBeLessThan(2 ** 32);
});

test('nobody is missed where many slots are asked for', async () => {
  const [site, count] = [2, 20_000];
  const users = new Set(Array.from({ length: count }, (_, index) => `somebody-${index}`));
  const numbers = await createUserNumbers(collections).resolve(site, users);

  const again = await createUserNumbers(collections).resolve(site, users);

  expect(again).toEqual(numbers);
  expect(new Set(numbers.values()).size).toBe(count);
  expect(sum((await countBySlot(site)).flat())).toBe(count);
});

test('sites give their users different slots, so that nobody can choose names that fill them', async () => {
  const users = makeUsersOfOneSlot(4, SLOT_LEVELS[0] as SlotLevel, 20);
  await createUserNumbers(collections).resolve(4, new Set(users));
  await createUserNumbers(collections).resolve(5, new Set(users));

  expect((await countBySlot(4))[0]).toEqual([20]);
  expect((await countBySlot(5))[0]?.length).toBeGreaterThan(10);
});

test('numbers that could not be written are not given, and nobody tries for ever', async () => {
  // A server alone refuses the whole command.
  const writeConcern = { w: 5 };
  const userSlots = db.collection<UserSlotDocument>(ROLLUP_COLLECTIONS.userSlots, { writeConcern });
  const numbers = createUserNumbers({ ...collections, userSlots });

  await expect(numbers.resolve(6, new Set(['ann']))).rejects.toThrow(/not replicated/);

  expect((await countBySlot(6)).flat()).toEqual([]);
});
