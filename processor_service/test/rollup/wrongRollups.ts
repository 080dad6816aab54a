import type { EventModel } from '@analytics/shared/event/eventModel';
import { type Bucket, findBucketStart, findParent, GRANULARITIES } from '@analytics/shared/rollup/buckets';
import { type RollupCollections, TOTALS } from '@analytics/shared/rollup/rollupCollections';
import type { Place } from './rollupPrograms.ts';

/** A case of a test, whose name says how its programs were interleaved. */
export interface Case extends Place {
  name: string;
}

/** Buckets that a report uses, because neither they nor anything inside them is marked, with wrong views. */
export async function findWrong(
  Event: EventModel,
  collections: RollupCollections,
  cases: readonly Case[],
): Promise<string[]> {
  const names = new Map(cases.map(({ site_id, startMs, name }) => [`${site_id} hour ${startMs}`, name]));
  const [events, marked, sites, totals] = await Promise.all([
    Event.find({}, { site_id: 1, timestamp: 1 }).lean(),
    collections.marks.find().toArray(),
    collections.sites.find().toArray(),
    collections.rollups.find({ '_id.dimension': TOTALS }).toArray(),
  ]);
  const siteIds = new Map(sites.map(({ number, _id }) => [number, _id]));
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
  for (const { _id } of marked) {
    let bucket: Bucket | undefined = { granularity: _id.granularity, startMs: _id.start.getTime() };
    while (bucket) {
      expected.delete(`${_id.site_id} ${bucket.granularity} ${bucket.startMs}`);
      bucket = findParent(bucket);
    }
  }
  const wrong = [...expected].filter(([key, views]) => rolledUp.get(key) !== views);
  return wrong.map(([key, views]) => `${names.get(key) ?? key}: ${rolledUp.get(key) ?? 0} of ${views}`);
}
