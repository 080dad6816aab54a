import { mongo } from 'mongoose';
import type { InsertRecord } from './eventRecord.ts';

/**
 * The most that a document may take, a command included
 * (https://www.mongodb.com/docs/manual/reference/limits/).
 */
const MAX_DOCUMENT_BYTES = 16 * 1024 * 1024;

/** What is left of a command for its documents. */
const MAX_PART_BYTES = MAX_DOCUMENT_BYTES - 64 * 1024;

/**
 * What a document takes beside its texts, with room to spare: names of fields, identity, dates, its place in
 * the command.
 */
const FIXED_BYTES = 768;

/**
 * What a property takes beside its name and its text, at most: its type, a number, the lengths and ends of
 * its texts.
 */
const PROPERTY_BYTES = 16;

/** A document's place in its command: its type and its index as text. */
const PLACE_BYTES = 16;

/** A code unit of a text takes at most this many bytes of UTF-8. */
const MAX_UNIT_BYTES = 3;

/**
 * A number of bytes that the document does not exceed, for a tenth of what it costs to measure the document.
 */
export function boundBytes(record: InsertRecord): number {
  const { site_id, event_type, path, user_id, referrer, referrer_host, properties } = record;
  let units = site_id.length + event_type.length + path.length + (user_id?.length ?? 0);
  units += (referrer?.length ?? 0) + (referrer_host?.length ?? 0);
  let bytes = FIXED_BYTES;
  if (properties !== undefined) {
    bytes += properties.size * PROPERTY_BYTES;
    for (const [name, value] of properties) {
      units += name.length + (typeof value === 'string' ? value.length : 0);
    }
  }
  return bytes + units * MAX_UNIT_BYTES;
}

/** @throws Error if MongoDB takes no document of this size. */
export function requireDocumentSize(record: InsertRecord): void {
  if (boundBytes(record) > MAX_DOCUMENT_BYTES) {
    const bytes = mongo.BSON.calculateObjectSize(record);
    if (bytes > MAX_DOCUMENT_BYTES) {
      throw new Error(`Its document takes ${bytes} bytes; MongoDB takes at most ${MAX_DOCUMENT_BYTES}.`);
    }
  }
}

/**
 * Divides documents into parts that each fit into one command, in their order. Documents are measured only
 * where their bounds leave room for doubt, which those of our own producer's jobs never do.
 *
 * @param records Of which each fits into a command.
 */
export function splitBySize(
  records: readonly InsertRecord[],
  maxBytes = MAX_PART_BYTES,
): (readonly InsertRecord[])[] {
  let totalBytes = 0;
  for (const record of records) {
    totalBytes += boundBytes(record);
  }
  if (totalBytes <= maxBytes) {
    // MongoDB refuses an insert without documents.
    return records.length > 0 ? [records] : [];
  }
  const parts: InsertRecord[][] = [];
  let roomBytes = 0;
  for (const record of records) {
    const bytes = measure(record) + PLACE_BYTES;
    if (bytes > roomBytes || parts.length === 0) {
      parts.push([]);
      roomBytes = maxBytes;
    }
    parts.at(-1)?.push(record);
    roomBytes -= bytes;
  }
  return parts;
}

function measure(record: InsertRecord): number {
  try {
    return mongo.BSON.calculateObjectSize(record);
  } catch {
    // It cannot be serialized, which is found out when it is written.
    return boundBytes(record);
  }
}
