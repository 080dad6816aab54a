import { useTestStack } from '@analytics/local-stack/testing/useTestStack';
import { createMongoConnection } from '@analytics/shared/mongo';
import { openRollupCollections } from '@analytics/shared/rollup/rollupCollections';
import { SLOT_CAPACITY, SLOT_LEVELS } from '@analytics/shared/rollup/userSlots';
import { expect, test } from 'vitest';
import { createUserNumbers } from '../src/rollup/userNumbers.ts';
import { makeUsersOfOneSlot } from './usersOfOneSlot.ts';

const stack = useTestStack();
const connection = createMongoConnection();
stack.register(() => connection.close());
await connection.openUri(stack.MONGO_URI);
if (!connection.db) {
  throw new Error('The test is not connected to MongoDB.');
}
const collections = openRollupCollections(connection.db);

function readSlots(site: number) {
  return collections.userSlots.find({ '_id.site': site }).sort({ _id: 1 }).toArray();
}

test('two processes that number the same users at the same time agree, past the room of a slot, too', async () => {
  const site = 1;
  const users = makeUsersOfOneSlot(3 * SLOT_CAPACITY);
  const [one, other] = [createUserNumbers(collections), createUserNumbers(collections)];
  const halves = [users.slice(0, 2 * SLOT_CAPACITY), users.slice(SLOT_CAPACITY).reverse()] as const;

  const [numbersOfOne, numbersOfOther] = await Promise.all([
    one.resolve(site, halves[0]),
    other.resolve(site, halves[1]),
  ]);

  const numbers = await createUserNumbers(collections).resolve(site, users);
  expect(new Set(numbers.values()).size).toBe(users.length);
  for (const [user, number] of [...numbersOfOne, ...numbersOfOther]) {
    expect(numbers.get(user)).toBe(number);
  }
  const slots = await readSlots(site);
  expect(slots.filter(({ _id }) => _id.level === 0).map(({ count }) => count)).toEqual([SLOT_CAPACITY]);
  const ofSecondLevel = slots.filter(({ _id }) => _id.level === 1).map(({ count }) => count);
  expect(ofSecondLevel.reduce((sum, count) => sum + count, 0)).toBe(2 * SLOT_CAPACITY);
});

test('the numbers of each level begin where those of the one before end', async () => {
  const ends = SLOT_LEVELS.map(({ slots, firstNumber }) => firstNumber + slots * SLOT_CAPACITY);

  expect(SLOT_LEVELS.map(({ firstNumber }) => firstNumber)).toEqual([0, ...ends.slice(0, -1)]);
  expect(ends.at(-1)).toBeLessThan(2 ** 32);
});

test('most slots of a level are read in one go, and nobody is missed', async () => {
  const site = 2;
  const users = Array.from({ length: 20_000 }, (_, index) => `somebody-${index}`);
  const numbers = await createUserNumbers(collections).resolve(site, users);

  const again = await createUserNumbers(collections).resolve(site, users);

  expect(again).toEqual(numbers);
  expect(new Set(numbers.values()).size).toBe(users.length);
  expect((await readSlots(site)).reduce((sum, { count }) => sum + count, 0)).toBe(users.length);
});
