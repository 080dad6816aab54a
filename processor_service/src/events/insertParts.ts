import { STORED_TEXT_NAMES } from '@analytics/shared/event/eventFields';
import { mongo } from 'mongoose';
import type { InsertRecord } from './eventRecord.ts';

/** The limit of a document, and of a command (https://www.mongodb.com/docs/manual/reference/limits/). */
const MAX_DOCUMENT_BYTES = 16 * 1024 * 1024;

/** The part of a command for its documents. */
const MAX_PART_BYTES = MAX_DOCUMENT_BYTES - 64 * 1024;

/** The most bytes of a document without its texts: field names, identity, dates, its place in the command. */
const FIXED_BYTES = 768;

/** The most bytes of a property without its name and text: type, number, lengths and ends of texts. */
const PROPERTY_BYTES = 16;

/** The type and the index of a document in its command. */
const PLACE_BYTES = 16;

/** A code unit of a text takes at most this many bytes of UTF-8. */
const MAX_UNIT_BYTES = 3;

/** An upper bound of the document's bytes, which costs a tenth of measuring them. */
export function boundBytes(record: InsertRecord): number {
  const { referrer, referrer_host, properties } = record;
  let textLength = (referrer?.length ?? 0) + (referrer_host?.length ?? 0);
  for (const name of STORED_TEXT_NAMES) {
    textLength += record[name]?.length ?? 0;
  }
  let bytes = FIXED_BYTES;
  if (properties !== undefined) {
    bytes += properties.size * PROPERTY_BYTES;
    for (const [name, value] of properties) {
      textLength += name.length + (typeof value === 'string' ? value.length : 0);
    }
  }
  return bytes + textLength * MAX_UNIT_BYTES;
}

/** @throws Error if the document exceeds MongoDB's limit. */
export function requireDocumentSize(record: InsertRecord): void {
  if (boundBytes(record) > MAX_DOCUMENT_BYTES) {
    const bytes = mongo.BSON.calculateObjectSize(record);
    if (bytes > MAX_DOCUMENT_BYTES) {
      throw new Error(`Its document takes ${bytes} bytes; MongoDB takes at most ${MAX_DOCUMENT_BYTES}.`);
    }
  }
}

/**
 * Divides documents into parts that each fit into one command, in their order. Measures documents only if
 * their bounds exceed a command, which those of our own producer never do.
 *
 * @param records Each fits into a command.
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
    // MongoDB rejects an insert without documents.
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
    // It cannot be serialized. The write will fail, and report it.
    return boundBytes(record);
  }
}
