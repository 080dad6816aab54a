import type { EventJob } from '@analytics/shared/event/event';
import type { EventRecord } from '@analytics/shared/event/eventModel';
import type { EventProperties, PropertyValue } from '@analytics/shared/event/eventProperties';
import { findReferrerHost } from '@analytics/shared/event/referrer';
import { Types } from 'mongoose';

/**
 * An event's document on its way to the driver. Clients name properties, and BSON gives some names of an
 * object's fields a meaning (`_bsontype`, `toBSON`); the keys of a Map are nothing but names.
 */
export type InsertRecord = Omit<EventRecord, 'properties'> & { properties?: Map<string, PropertyValue> };

/**
 * Makes the document of an event. It must be whole: it goes out as a plain command, to which nothing adds
 * timestamps. Its shape was checked when the job was read.
 *
 * @throws Error if there is no valid document for the event.
 */
export function toRecord(event: EventJob, storedAt: Date): InsertRecord {
  const record: InsertRecord = {
    _id: Types.ObjectId.createFromHexString(event._id),
    site_id: event.site_id,
    event_type: event.event_type,
    path: event.path,
    user_id: event.user_id,
    timestamp: readTimestamp(event.timestamp),
    createdAt: storedAt,
    updatedAt: storedAt,
  };
  const host = event.referrer ? findReferrerHost(event.referrer) : undefined;
  if (event.referrer && host !== undefined) {
    record.referrer = event.referrer;
    record.referrer_host = host;
  }
  if (event.properties) {
    const properties = toMap(event.properties);
    if (properties.size > 0) {
      record.properties = properties;
    }
  }
  return record;
}

/** BSON would write an invalid date as 1970. */
function readTimestamp(text: string): Date {
  const timestamp = new Date(text);
  if (Number.isNaN(timestamp.getTime())) {
    throw new Error('Its timestamp is not a time.');
  }
  return timestamp;
}

function toMap(properties: EventProperties): Map<string, PropertyValue> {
  const map = new Map<string, PropertyValue>();
  for (const name in properties) {
    map.set(name, properties[name] as PropertyValue);
  }
  return map;
}
