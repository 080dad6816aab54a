import { findBucketEnd, findBucketStart, MIN_DATE } from '@analytics/shared/rollup/buckets';
import {
  type BaselineDocument,
  ROLLUP_FORMAT,
  type RollupCollections,
} from '@analytics/shared/rollup/rollupCollections';
import type { mongo } from 'mongoose';
import { discardSites, listSiteNumbers } from './discardSites.ts';
import type { Marks, SiteBucket } from './marks.ts';

/** Hours that are marked, and remembered as done, together. */
const HOURS_AT_ONCE = 500;

export interface BaselineDeps {
  events: mongo.Collection;
  collections: RollupCollections;
  marks: Pick<Marks, 'requestHours'>;
}

/**
 * Marks every hour that has events from before there were marks. Until that is done, reports believe no
 * rollup. Goes on where it was cut off; does nothing once it is done. What is rolled up in another form is
 * thrown away before.
 */
export async function ensureBaseline(
  { events, collections, marks }: BaselineDeps,
  signal: AbortSignal,
): Promise<void> {
  const { states } = collections;
  const found = await states.findOne({ _id: 'baseline' });
  const format = found ? (found.format ?? 1) : 0;
  if (format > ROLLUP_FORMAT) {
    throw new Error('A newer version of the processor keeps the rollups. Run that one.');
  }
  const state = format === ROLLUP_FORMAT ? found : await beginAnew(collections);
  if (state?.is_complete) {
    return;
  }
  let position = { site_id: state?.site_id ?? '', timestamp: state?.timestamp ?? new Date(0) };
  while (!signal.aborted) {
    const hours = await takeHours(events, position, HOURS_AT_ONCE);
    await marks.requestHours(hours);
    const last = hours.at(-1);
    const isComplete = last === undefined;
    if (last) {
      position = { site_id: last.site_id, timestamp: new Date(findBucketEnd(last)) };
    }
    await states.updateOne(
      { _id: 'baseline' },
      { $set: { is_complete: isComplete, ...position } },
      { upsert: true },
    );
    if (isComplete) {
      return;
    }
  }
}

/**
 * Throws away what is rolled up in another form. No answer that begins meanwhile believes any of it; the last
 * step says that all of it is gone.
 *
 * @returns the state to go on from.
 */
async function beginAnew(collections: RollupCollections): Promise<BaselineDocument> {
  const { states } = collections;
  const numbers = await listSiteNumbers(collections);
  const state = await states.findOne({ _id: 'baseline' });
  if (state?.format === ROLLUP_FORMAT) {
    // Another process was faster, and these may be numbers of the new form.
    return state;
  }
  await states.updateOne({ _id: 'baseline' }, { $set: { is_complete: false } });
  await discardSites(collections, numbers);
  const begun = { is_complete: false, format: ROLLUP_FORMAT };
  await states.replaceOne({ _id: 'baseline' }, begun, { upsert: true });
  return { _id: 'baseline', ...begun };
}

/**
 * The next hours that have events, in the order of site and time. Jumps from one to the next by the index.
 */
export async function takeHours(
  events: mongo.Collection,
  after: Place,
  limit: number,
): Promise<SiteBucket[]> {
  const hours: SiteBucket[] = [];
  const { site_id, timestamp } = after;
  let next = site_id === '' ? null : await findFrom(events, { site_id, timestamp: { $gte: timestamp } });
  next ??= await findFrom(events, { site_id: { $gt: site_id }, timestamp: { $gte: MIN_DATE } });
  while (next && hours.length < limit) {
    const startMs = findBucketStart('hour', next.timestamp.getTime());
    const hour: SiteBucket = { site_id: next.site_id, granularity: 'hour', startMs };
    hours.push(hour);
    const laterOfSite = { site_id: hour.site_id, timestamp: { $gte: new Date(findBucketEnd(hour)) } };
    next =
      (await findFrom(events, laterOfSite)) ??
      (await findFrom(events, { site_id: { $gt: hour.site_id }, timestamp: { $gte: MIN_DATE } }));
  }
  return hours;
}

interface Place {
  site_id: string;
  timestamp: Date;
}

function findFrom(events: mongo.Collection, filter: mongo.Filter<mongo.Document>): Promise<Place | null> {
  return events.findOne<Place>(filter, {
    sort: { site_id: 1, timestamp: 1 },
    projection: { _id: 0, site_id: 1, timestamp: 1 },
  });
}
