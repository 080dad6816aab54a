import { type Bucket, findBucketStart, findParent, GRANULARITIES } from '@analytics/rollups/calendar';
import { type RollupCollections, TOTAL_DIMENSION } from '@analytics/rollups/documents';
import type { EventModel } from '@analytics/shared/event/eventModel';
import type { Place } from './refreshPrograms.ts';

/** A case of a test, whose name says how its programs were interleaved. */
export interface Case extends Place {
  name: string;
}

/** The valid buckets whose views are wrong. */
export async function findWrong(
  Event: EventModel,
  collections: RollupCollections,
  cases: readonly Case[],
): Promise<string[]> {
  const names = new Map(cases.map(({ site_id, startMs, name }) => [`${site_id} hour ${startMs}`, name]));
  const [events, invalid, sites, totals] = await Promise.all([
    Event.find({}, { site_id: 1, timestamp: 1 }).lean(),
    collections.invalidations.find().toArray(),
    collections.siteCodes.find().toArray(),
    collections.counts.find({ '_id.dimension': TOTAL_DIMENSION }).toArray(),
  ]);
  const siteIds = new Map(sites.map(({ code, _id }) => [code, _id]));
  const expected = new Map<string, number>();
  const rolledUp = new Map<string, number>();
  for (const { site_id, timestamp } of events) {
    for (const granularity of GRANULARITIES) {
      const key = `${site_id} ${granularity} ${findBucketStart(granularity, timestamp.getTime())}`;
      expected.set(key, (expected.get(key) ?? 0) + 1);
    }
  }
  for (const { _id, views } of totals) {
    rolledUp.set(`${siteIds.get(_id.site)} ${_id.granularity} ${_id.start.getTime()}`, views[0] ?? 0);
  }
  for (const { _id } of invalid) {
    let bucket: Bucket | undefined = { granularity: _id.granularity, startMs: _id.start.getTime() };
    while (bucket) {
      expected.delete(`${_id.site_id} ${bucket.granularity} ${bucket.startMs}`);
      bucket = findParent(bucket);
    }
  }
  const wrong = [...expected].filter(([key, views]) => rolledUp.get(key) !== views);
  return wrong.map(([key, views]) => `${names.get(key) ?? key}: ${rolledUp.get(key) ?? 0} of ${views}`);
}
