import type { EventProperties } from '@analytics/shared/event/eventProperties';
import { refuseLargeGroups } from '@analytics/shared/mongo/groupSize';
import { findBucketStart, QUARTER_MS } from '@analytics/shared/rollup/buckets';
import { type DimensionValue, QUARTERS } from '@analytics/shared/rollup/rollupCollections';
import type { mongo } from 'mongoose';

/** Groups per batch: a few megabytes where they have many properties. */
const GROUPS_PER_BATCH = 2000;

/** A stretch of time whose events are counted as one. It begins with a quarter of an hour. */
export interface EventSpan {
  startMs: number;
  endMs: number;
}

/** Events that have the same value in every dimension. */
export interface NamedGroup {
  /** By dimension. A dimension that is absent has the value null. */
  values: ReadonlyMap<string, DimensionValue>;
  /** The user of each event; null for an anonymous one. */
  users: readonly (string | null)[];
}

/** Events of the same values, as the server groups them. */
interface GroupDocument {
  _id: {
    path: string;
    event_type: string;
    referrer_host?: string | null;
    properties?: EventProperties | null;
  };
  users: (string | null)[];
}

/**
 * Has MongoDB group a site's events of a span, a quarter of an hour at a time, or less: to have it tell the
 * quarters apart costs half as much again.
 *
 * @throws MongoServerError, for which `isTooLargeGroup` holds, if a step has a group that does not fit into a
 *   document.
 */
export async function* readEventGroups(
  events: mongo.Collection,
  site_id: string,
  { startMs, endMs }: EventSpan,
  stepMs: number,
): AsyncGenerator<NamedGroup> {
  for (let quarterMs = startMs; quarterMs < endMs; quarterMs += QUARTER_MS) {
    const quarterEndMs = Math.min(quarterMs + QUARTER_MS, endMs);
    const quarter = Math.floor((quarterMs - findBucketStart('hour', quarterMs)) / QUARTER_MS);
    for (let stepStartMs = quarterMs; stepStartMs < quarterEndMs; stepStartMs += stepMs) {
      const step = { startMs: stepStartMs, endMs: Math.min(stepStartMs + stepMs, quarterEndMs) };
      const cursor = events.aggregate<GroupDocument>(buildGroupPipeline(site_id, step), {
        allowDiskUse: true,
        batchSize: GROUPS_PER_BATCH,
      });
      for await (const { _id, users } of cursor) {
        yield { values: listValues(_id, quarter), users };
      }
    }
  }
}

function buildGroupPipeline(site_id: string, { startMs, endMs }: EventSpan) {
  const timestamp = { $gte: new Date(startMs), $lt: new Date(endMs) };
  return [
    { $match: { site_id, timestamp } },
    {
      $group: {
        _id: {
          path: '$path',
          event_type: '$event_type',
          referrer_host: '$referrer_host',
          properties: '$properties',
        },
        // An event of another producer may lack the field, and would be missing in the list.
        users: { $push: { $ifNull: ['$user_id', null] } },
      },
    },
    refuseLargeGroups(),
  ];
}

function listValues(
  { path, event_type, referrer_host, properties }: GroupDocument['_id'],
  quarter: number,
): Map<string, DimensionValue> {
  const values = new Map<string, DimensionValue>([
    [QUARTERS, quarter],
    ['path', path],
    ['event_type', event_type],
  ]);
  if (referrer_host) {
    values.set('referrer_host', referrer_host);
  }
  for (const [key, value] of Object.entries(properties ?? {})) {
    values.set(`property:${key}`, value);
  }
  return values;
}
