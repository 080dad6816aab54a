import type { RollupCollections } from '@analytics/rollups/documents';
import { siteCodesRange } from '@analytics/rollups/keys';
import { chunk } from '@analytics/shared/async/chunk';
import type { mongo } from 'mongoose';

/** Documents per delete command, so that each ends long before the connection times out. */
const DOCUMENTS_PER_COMMAND = 1000;

/** Lists the codes of the sites that have rollups, the lowest first. */
export async function listSiteCodes({ siteCodes }: Pick<RollupCollections, 'siteCodes'>): Promise<number[]> {
  const sites = await siteCodes
    .find({}, { projection: { code: 1 } })
    .sort({ code: 1 })
    .toArray();
  return sites.map(({ code }) => code);
}

/**
 * Deletes the rollups of some sites, and their codes last, so that it can be interrupted and repeated. Codes
 * are sequential, so no other site has a code between theirs. A late process deletes nothing that another one
 * has rebuilt: the sites have other codes by then.
 *
 * @param codes The lowest first.
 */
export async function discardSites(
  { counts, userBitmaps, userPages, siteCodes }: RollupCollections,
  codes: readonly number[],
): Promise<void> {
  const [first] = codes;
  const last = codes.at(-1);
  if (first === undefined || last === undefined) {
    return;
  }
  for (const collection of [counts, userBitmaps, userPages]) {
    await deleteOfSites(collection as unknown as mongo.Collection<OfSite>, first, last);
  }
  for (const some of chunk(codes, DOCUMENTS_PER_COMMAND)) {
    await siteCodes.deleteMany({ code: { $in: some } });
  }
}

/** A document whose `_id` begins with a site code. */
interface OfSite {
  _id: { site: number };
}

async function deleteOfSites(
  collection: mongo.Collection<OfSite>,
  first: number,
  last: number,
): Promise<void> {
  const { $gte, $lt } = siteCodesRange(first, last);
  let start: OfSite['_id'] | undefined = $gte;
  while (start) {
    const next: OfSite | null = await collection.findOne(
      { _id: { $gte: start, $lt } },
      { sort: { _id: 1 }, skip: DOCUMENTS_PER_COMMAND, projection: { _id: 1 } },
    );
    await collection.deleteMany({ _id: { $gte: start, $lt: next?._id ?? $lt } });
    start = next?._id;
  }
}
