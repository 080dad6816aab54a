import type { EventJob } from '@analytics/shared/event/event';
import { STORED_TEXT_NAMES } from '@analytics/shared/event/eventFields';
import type { EventRecord } from '@analytics/shared/event/eventModel';
import type { EventProperties, PropertyValue } from '@analytics/shared/event/eventProperties';
import { findReferrerHost } from '@analytics/shared/event/referrer';
import { Types } from 'mongoose';

/**
 * The document of an event for the driver. Its properties are a Map, because BSON gives some field names of
 * an object a meaning (`_bsontype`, `toBSON`), and clients choose the names of properties.
 */
export type InsertRecord = Omit<EventRecord, 'properties'> & { properties?: Map<string, PropertyValue> };

/**
 * Creates the complete document of an event whose shape was checked when its job was read. A plain command
 * inserts it, so Mongoose adds no timestamps.
 *
 * @throws Error if the event has no valid document.
 */
export function toRecord(event: EventJob, storedAt: Date): InsertRecord {
  const record = { _id: Types.ObjectId.createFromHexString(event._id) } as InsertRecord;
  for (const name of STORED_TEXT_NAMES) {
    const value = event[name];
    if (value !== undefined) {
      // The name is a union here, and so the type of its value cannot be checked.
      record[name] = value as never;
    }
  }
  record.timestamp = readTimestamp(event.timestamp);
  record.createdAt = storedAt;
  record.updatedAt = storedAt;
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

/** BSON writes an invalid date as 1970. */
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
