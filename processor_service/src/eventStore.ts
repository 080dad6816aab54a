import { countTextUnits, type EventJob, findHost } from '@analytics/shared/event';
import type { EventModel, EventRecord } from '@analytics/shared/eventModel';
import { withTimeout } from '@analytics/shared/withTimeout';
import { mongo, Types } from 'mongoose';
import type { EventMarks } from './rollup/eventMarks.ts';

/** What became of one event of a write. A rejected one is one that MongoDB will never take. */
export type StoreOutcome = 'stored' | 'duplicate' | { rejected: string };

export interface EventStore {
  /**
   * Stores events that may or may not be stored already; afterwards each one that was not rejected is there once. Resolves
   * with what became of each, in the same order.
   *
   * @throws The driver's error, PassingWriteError or TimeoutError if MongoDB could not say what became of them, for a reason
   * that passes. Calling again is safe.
   */
  storeEvents(events: readonly EventJob[]): Promise<StoreOutcome[]>;
  /** Those of the events that are not stored. */
  findMissing(events: readonly EventJob[]): Promise<EventJob[]>;
}

/** MongoDB refused a document for a reason of its own, which passes. */
export class PassingWriteError extends Error {
  override name = 'PassingWriteError';
}

const DUPLICATE_KEY = 11000;

/**
 * A write that got no answer by then has failed and is tried again. Without a limit of our own, one lost answer would hold its
 * jobs, whose locks the worker goes on renewing, for ever.
 */
const WRITE_TIMEOUT_MS = 15_000;

/**
 * Write errors of a single document that say something of the server's state and nothing of the document: the write will
 * work once the state has passed (https://www.mongodb.com/docs/manual/reference/error-codes/).
 */
const PASSING_CODES = new Set([
  13, // Unauthorized
  50, // MaxTimeMSExpired
  91, // ShutdownInProgress
  112, // WriteConflict
  189, // PrimarySteppedDown
  262, // ExceededTimeLimit
  10107, // NotWritablePrimary
  11600, // InterruptedAtShutdown
  11602, // InterruptedDueToReplStateChange
  14031, // OutOfDiskSpace
]);

/**
 * MongoDB takes no command of more than 16 MiB (https://www.mongodb.com/docs/manual/reference/limits/), and no write of ours
 * comes near; only a job of another producer can hold more events than that. The estimate below is on the safe side.
 */
const MAX_COMMAND_BYTES = 16 * 1024 * 1024;

/** What a document takes beside its texts, with room to spare: names of fields, identity, dates, its place in the command. */
const DOCUMENT_BYTES = 768;

/** A code unit of a text takes at most this many bytes of UTF-8. */
const MAX_UNIT_BYTES = 3;

/** What the server answers to an insert (https://www.mongodb.com/docs/manual/reference/command/insert/). */
interface InsertReply {
  writeErrors?: { index: number; code: number; errmsg?: string }[];
}

/** Writes events with one unordered insert, so that one event's failure is not its neighbours'. */
export function createEventStore(
  Event: EventModel,
  { markBefore }: EventMarks,
  now: () => Date = () => new Date(),
): EventStore {
  /** The whole of it is tried again if any step fails, so that no event is stored in an hour that nobody marked. */
  async function store(records: EventRecord[]): Promise<StoreOutcome[]> {
    const markAfter = await withTimeout(markBefore(records), WRITE_TIMEOUT_MS);
    const reply = await withTimeout(insert(Event, records), WRITE_TIMEOUT_MS);
    await withTimeout(markAfter(), WRITE_TIMEOUT_MS);
    return readOutcomes(reply, records.length);
  }

  return {
    storeEvents: async (events) => {
      const storedAt = now();
      const outcomes: StoreOutcome[] = [];
      for (const part of splitBySize(events)) {
        outcomes.push(...(await store(part.map((event) => toRecord(event, storedAt)))));
      }
      return outcomes;
    },
    findMissing: async (events) => {
      const ids = events.map(({ _id }) => Types.ObjectId.createFromHexString(_id));
      const found = await Event.find({ _id: { $in: ids } }, { _id: 1 }).lean();
      const stored = new Set(found.map(({ _id }) => _id.toHexString()));
      return events.filter(({ _id }) => !stored.has(_id));
    },
  };
}

function splitBySize(events: readonly EventJob[]): (readonly EventJob[])[] {
  const parts: EventJob[][] = [];
  let room = 0;
  for (const event of events) {
    const size = estimateSize(event);
    if (size > room || parts.length === 0) {
      parts.push([]);
      room = MAX_COMMAND_BYTES;
    }
    parts.at(-1)?.push(event);
    room -= size;
  }
  return parts;
}

/** The host is stored besides the referrer. */
function estimateSize(event: EventJob): number {
  const units = countTextUnits(event) + (event.referrer?.length ?? 0);
  return DOCUMENT_BYTES + units * MAX_UNIT_BYTES;
}

/**
 * The command itself, and not `insertMany`: the driver's bulk write measures each document before it writes it, which takes a
 * third of the time that an event costs here.
 */
async function insert(Event: EventModel, documents: EventRecord[]): Promise<InsertReply> {
  const { db } = Event.db;
  if (db === undefined) {
    throw new mongo.MongoNotConnectedError('The connection to MongoDB was not opened yet.');
  }
  const { w, journal } = db.writeConcern ?? {};
  const reply = await db.command({
    insert: Event.collection.collectionName,
    documents,
    ordered: false,
    // Nobody waits for it any longer, and the marks of its hours may ripen.
    maxTimeMS: WRITE_TIMEOUT_MS,
    // A command takes nothing from its connection by itself.
    writeConcern: { w, j: journal },
  });
  return reply as InsertReply;
}

// The document goes out as it is, so it must be whole: nothing adds timestamps to it. Its shape was checked when the job was
// read.
function toRecord(event: EventJob, storedAt: Date): EventRecord {
  const record: EventRecord = {
    _id: Types.ObjectId.createFromHexString(event._id),
    site_id: event.site_id,
    event_type: event.event_type,
    path: event.path,
    user_id: event.user_id,
    timestamp: new Date(event.timestamp),
    createdAt: storedAt,
    updatedAt: storedAt,
  };
  if (event.referrer) {
    record.referrer = event.referrer;
    const host = findHost(event.referrer);
    if (host !== undefined) {
      record.referrer_host = host;
    }
  }
  if (event.properties && Object.keys(event.properties).length > 0) {
    record.properties = event.properties;
  }
  return record;
}

function readOutcomes({ writeErrors = [] }: InsertReply, count: number): StoreOutcome[] {
  const outcomes = new Array<StoreOutcome>(count).fill('stored');
  for (const { index, code, errmsg } of writeErrors) {
    if (PASSING_CODES.has(code)) {
      throw new PassingWriteError(`MongoDB did not write an event (error ${code}): ${errmsg}`);
    }
    outcomes[index] = code === DUPLICATE_KEY ? 'duplicate' : { rejected: errmsg ?? `MongoDB error ${code}` };
  }
  return outcomes;
}
