import { findBucketStart, QUARTER_HOUR_MS, type TimeSpan } from '@analytics/rollups/calendar';
import { type DimensionValue, QUARTER_HOUR_DIMENSION } from '@analytics/rollups/documents';
import {
  EVENT_DIMENSIONS,
  type EventDimension,
  toPropertyDimension,
} from '@analytics/shared/event/dimensions';
import type { EventProperties } from '@analytics/shared/event/eventProperties';
import { failOnOversizedGroups } from '@analytics/shared/mongo/groupSize';
import type { mongo } from 'mongoose';

/** Groups per batch: a few megabytes where they have many properties. */
const GROUPS_PER_BATCH = 2000;

/** Events with the same value in every dimension. */
export interface EventGroup {
  /** By dimension. A missing dimension has the value null. */
  values: ReadonlyMap<string, DimensionValue>;
  /** The user id of each event; null for an anonymous one. */
  users: readonly (string | null)[];
}

interface GroupDocument {
  _id: { [Name in EventDimension]?: string | null } & { properties?: EventProperties | null };
  users: (string | null)[];
}

/**
 * Groups a site's events of a span in MongoDB, in steps of `stepMs` within each quarter of an hour. A query
 * per quarter costs less than a `$group` by quarter, which takes half as long again.
 *
 * @param span Begins with a quarter of an hour.
 * @throws MongoServerError, for which `isGroupTooLarge` holds, if a group of a step does not fit into a
 *   document.
 */
export async function* readEventGroups(
  events: mongo.Collection,
  site_id: string,
  { startMs, endMs }: TimeSpan,
  stepMs: number,
): AsyncGenerator<EventGroup> {
  for (let quarterMs = startMs; quarterMs < endMs; quarterMs += QUARTER_HOUR_MS) {
    const quarterEndMs = Math.min(quarterMs + QUARTER_HOUR_MS, endMs);
    const quarter = Math.floor((quarterMs - findBucketStart('hour', quarterMs)) / QUARTER_HOUR_MS);
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

function buildGroupPipeline(site_id: string, { startMs, endMs }: TimeSpan) {
  const timestamp = { $gte: new Date(startMs), $lt: new Date(endMs) };
  return [
    { $match: { site_id, timestamp } },
    {
      $group: {
        _id: {
          ...Object.fromEntries(EVENT_DIMENSIONS.map((name) => [name, `$${name}`])),
          properties: '$properties',
        },
        // $push skips a missing field, but each event counts as a view.
        users: { $push: { $ifNull: ['$user_id', null] } },
      },
    },
    failOnOversizedGroups(),
  ];
}

function listValues(
  { properties, ...dimensions }: GroupDocument['_id'],
  quarter: number,
): Map<string, DimensionValue> {
  const values = new Map<string, DimensionValue>([[QUARTER_HOUR_DIMENSION, quarter]]);
  for (const name of EVENT_DIMENSIONS) {
    const value = dimensions[name];
    if (value !== undefined && value !== null) {
      values.set(name, value);
    }
  }
  for (const [key, value] of Object.entries(properties ?? {})) {
    values.set(toPropertyDimension(key), value);
  }
  return values;
}
