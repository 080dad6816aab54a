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
 * Deletes the rollups of some sites, and their codes last, so that it can be interrupted and repeated. A late
 * process deletes nothing that another one has rebuilt: the sites have other codes by then.
 *
 * @param codes The lowest first.
 */
export async function discardSites(
  { counts, userBitmaps, userPages, siteCodes }: RollupCollections,
  codes: readonly number[],
): Promise<void> {
  for (const collection of [counts, userBitmaps, userPages]) {
    for (const range of toCodeRanges(codes)) {
      await deleteOfSites(collection as unknown as mongo.Collection<OfSite>, range);
    }
  }
  for (const some of chunk(codes, DOCUMENTS_PER_COMMAND)) {
    await siteCodes.deleteMany({ code: { $in: some } });
  }
}

interface CodeRange {
  first: number;
  last: number;
}

/** Codes are sequential, so there are few ranges. */
function toCodeRanges(codes: readonly number[]): CodeRange[] {
  const ranges: CodeRange[] = [];
  for (const code of codes) {
    const range = ranges.at(-1);
    if (range?.last === code - 1) {
      range.last = code;
    } else {
      ranges.push({ first: code, last: code });
    }
  }
  return ranges;
}

/** A document whose `_id` begins with a site code. */
interface OfSite {
  _id: { site: number };
}

async function deleteOfSites(
  collection: mongo.Collection<OfSite>,
  { first, last }: CodeRange,
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
