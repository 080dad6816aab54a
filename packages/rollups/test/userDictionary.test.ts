import { useTestStack } from '@analytics/local-stack/testing/useTestStack';
import { createMongoConnection } from '@analytics/shared/mongo/mongo';
import { expect, test } from 'vitest';
import { openRollupCollections, ROLLUP_COLLECTIONS, type UserPageDocument } from '../src/documents.ts';
import { createUserDictionary } from '../src/userDictionary/assign.ts';
import { PAGE_CAPACITY, TIERS, type Tier } from '../src/userDictionary/layout.ts';
import { makeUsersOfOnePage } from './usersOfOnePage.ts';

const stack = useTestStack();
const connection = createMongoConnection();
stack.register(() => connection.close());
await connection.openUri(stack.MONGO_URI);
const { db } = connection;
if (!db) {
  throw new Error('The test is not connected to MongoDB.');
}
const collections = openRollupCollections(db);

/** The number of users of each page of a site, by tier. */
async function countByPage(site: number): Promise<number[][]> {
  const pages = await collections.userPages.find({ '_id.site': site }).toArray();
  return TIERS.map(({ index }) => pages.filter(({ _id }) => _id.tier === index).map(({ count }) => count));
}

function sum(counts: number[] = []): number {
  return counts.reduce((total, count) => total + count, 0);
}

test('two processes that assign codes to the same users at the same time agree, even if pages overflow', async () => {
  const site = 1;
  const users = makeUsersOfOnePage(site, TIERS[1] as Tier, 3 * PAGE_CAPACITY);
  const [one, other] = [createUserDictionary(collections), createUserDictionary(collections)];
  const first = new Set(users.slice(0, 2 * PAGE_CAPACITY));
  const last = new Set(users.slice(PAGE_CAPACITY).reverse());

  const found = await Promise.all([one.assign(site, first), other.assign(site, last)]);

  const numbers = await createUserDictionary(collections).assign(site, new Set(users));
  expect(new Set(numbers.values()).size).toBe(users.length);
  for (const [user, number] of found.flatMap((each) => [...each])) {
    expect(numbers.get(user)).toBe(number);
  }
  const [ofFirst, ofSecond, ofThird, ...others] = await countByPage(site);
  expect(ofFirst).toEqual([PAGE_CAPACITY]);
  expect(ofSecond).toEqual([PAGE_CAPACITY]);
  expect(sum(ofThird)).toBe(PAGE_CAPACITY);
  expect(others.flat()).toEqual([]);
});

test('the codes of each tier begin where those of the previous tier end', () => {
  const ends = TIERS.map(({ pageCount, firstCode }) => firstCode + pageCount * PAGE_CAPACITY);

  expect(TIERS.map(({ firstCode }) => firstCode)).toEqual([0, ...ends.slice(0, -1)]);
  expect(ends.at(-1)).toBeLessThan(2 ** 32);
});

test('every user is found when many pages are read', async () => {
  const [site, count] = [2, 20_000];
  const users = new Set(Array.from({ length: count }, (_, index) => `somebody-${index}`));
  const numbers = await createUserDictionary(collections).assign(site, users);

  const again = await createUserDictionary(collections).assign(site, users);

  expect(again).toEqual(numbers);
  expect(new Set(numbers.values()).size).toBe(count);
  expect(sum((await countByPage(site)).flat())).toBe(count);
});

test('each site maps users to different pages, so that no client can choose ids that fill one', async () => {
  const users = makeUsersOfOnePage(4, TIERS[0] as Tier, 20);
  await createUserDictionary(collections).assign(4, new Set(users));
  await createUserDictionary(collections).assign(5, new Set(users));

  expect((await countByPage(4))[0]).toEqual([20]);
  expect((await countByPage(5))[0]?.length).toBeGreaterThan(10);
});

test('codes that could not be written are not assigned, and the attempt fails', async () => {
  // A server alone refuses the whole command.
  const writeConcern = { w: 5 };
  const userPages = db.collection<UserPageDocument>(ROLLUP_COLLECTIONS.userPages, { writeConcern });
  const numbers = createUserDictionary({ ...collections, userPages });

  await expect(numbers.assign(6, new Set(['ann']))).rejects.toThrow(/not replicated/);

  expect((await countByPage(6)).flat()).toEqual([]);
});
