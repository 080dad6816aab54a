import { findBucketEnd, findBucketStart, MIN_DATE, type TimeSpan } from '@analytics/rollups/calendar';
import type { SiteBucket } from '@analytics/rollups/keys';
import type { mongo } from 'mongoose';

/** Hours that are invalidated in one command. */
const HOURS_PER_BATCH = 500;

/** A position in the events, by site and time. */
export interface EventPosition {
  site_id: string;
  timestamp: Date;
}

/** A span of time of one site, in whole UTC days. */
export interface SiteSpan extends TimeSpan {
  site_id: string;
}

/** The hours of a site that have events, in batches. */
export async function* listHoursWithEvents(
  events: mongo.Collection,
  { site_id, startMs, endMs }: SiteSpan,
): AsyncGenerator<SiteBucket[]> {
  for (let fromMs = startMs; ; ) {
    const found = await findHoursWithEvents(events, { site_id, timestamp: new Date(fromMs) });
    const hours = found.filter((hour) => hour.site_id === site_id && hour.startMs < endMs);
    const last = hours.at(-1);
    if (last === undefined) {
      return;
    }
    yield hours;
    fromMs = findBucketEnd(last);
  }
}

/**
 * The next hours that have events, in the order of site and time. Jumps from one to the next with the index.
 */
export async function findHoursWithEvents(
  events: mongo.Collection,
  { site_id, timestamp }: EventPosition,
): Promise<SiteBucket[]> {
  const hours: SiteBucket[] = [];
  let next = site_id === '' ? null : await findFirst(events, { site_id, timestamp: { $gte: timestamp } });
  next ??= await findFirstOfNextSite(events, site_id);
  while (next && hours.length < HOURS_PER_BATCH) {
    const startMs = findBucketStart('hour', next.timestamp.getTime());
    const hour: SiteBucket = { site_id: next.site_id, granularity: 'hour', startMs };
    hours.push(hour);
    const afterHour = { site_id: hour.site_id, timestamp: { $gte: new Date(findBucketEnd(hour)) } };
    next = (await findFirst(events, afterHour)) ?? (await findFirstOfNextSite(events, hour.site_id));
  }
  return hours;
}

function findFirstOfNextSite(events: mongo.Collection, site_id: string): Promise<EventPosition | null> {
  return findFirst(events, { site_id: { $gt: site_id }, timestamp: { $gte: MIN_DATE } });
}

function findFirst(
  events: mongo.Collection,
  filter: mongo.Filter<mongo.Document>,
): Promise<EventPosition | null> {
  return events.findOne<EventPosition>(filter, {
    sort: { site_id: 1, timestamp: 1 },
    projection: { _id: 0, site_id: 1, timestamp: 1 },
  });
}
