import { chunk } from '@analytics/shared/async/chunk';
import type { RollupCollections } from '@analytics/shared/rollup/rollupCollections';
import type { mongo } from 'mongoose';

/** Documents that are deleted in one command, so that each ends long before the connection gives it up. */
const DELETED_AT_ONCE = 1000;

/** Lists the numbers of the sites that have rollups, the lowest first. */
export async function listSiteNumbers({ sites }: Pick<RollupCollections, 'sites'>): Promise<number[]> {
  const numbered = await sites
    .find({}, { projection: { number: 1 } })
    .sort({ number: 1 })
    .toArray();
  return numbered.map(({ number }) => number);
}

/**
 * Deletes the rollups of the sites of these numbers, and the numbers last, so that it can be cut off and
 * repeated. A process that is late deletes nothing that another one has rolled up since: the sites have other
 * numbers by then.
 *
 * @param numbers The lowest first.
 */
export async function discardSites(
  { rollups, userSets, userSlots, sites }: RollupCollections,
  numbers: readonly number[],
): Promise<void> {
  for (const collection of [rollups, userSets, userSlots]) {
    for (const run of listRuns(numbers)) {
      await deleteOfSites(collection as unknown as mongo.Collection<OfSite>, run);
    }
  }
  for (const some of chunk(numbers, DELETED_AT_ONCE)) {
    await sites.deleteMany({ number: { $in: some } });
  }
}

interface Run {
  first: number;
  last: number;
}

/** Numbers that follow each other, as those of most sites do. */
function listRuns(numbers: readonly number[]): Run[] {
  const runs: Run[] = [];
  for (const number of numbers) {
    const run = runs.at(-1);
    if (run?.last === number - 1) {
      run.last = number;
    } else {
      runs.push({ first: number, last: number });
    }
  }
  return runs;
}

/** A document whose `_id` begins with the number of its site. */
interface OfSite {
  _id: { site: number };
}

async function deleteOfSites(collection: mongo.Collection<OfSite>, { first, last }: Run): Promise<void> {
  const end = { site: last + 1 };
  let start: OfSite['_id'] | undefined = { site: first };
  while (start) {
    const next: OfSite | null = await collection.findOne(
      { _id: { $gte: start, $lt: end } },
      { sort: { _id: 1 }, skip: DELETED_AT_ONCE, projection: { _id: 1 } },
    );
    await collection.deleteMany({ _id: { $gte: start, $lt: next?._id ?? end } });
    start = next?._id;
  }
}
