import type { EventJob } from '@analytics/shared/event';
import type { EventModel, EventRecord } from '@analytics/shared/eventModel';
import { withTimeout } from '@analytics/shared/withTimeout';
import { mongo, Types } from 'mongoose';

/** What became of one event of a write. A rejected one is one that MongoDB will never take. */
export type StoreOutcome = 'stored' | 'duplicate' | { rejected: string };

export interface EventStore {
  /**
   * Stores events that may or may not be stored already; afterwards each one that was not rejected is there once. Resolves
   * with what became of each, in the same order.
   *
   * @throws The driver's error, or TimeoutError, if MongoDB could not say what became of them, for a reason that passes. Calling again is safe.
   */
  storeEvents(events: readonly EventJob[]): Promise<StoreOutcome[]>;
  /** Those of the events that are not stored. */
  findMissing(events: readonly EventJob[]): Promise<EventJob[]>;
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

/** Writes events with one unordered insert, so that one event's failure is not its neighbours'. */
export function createEventStore(Event: EventModel, now: () => Date = () => new Date()): EventStore {
  return {
    storeEvents: async (events) => {
      const storedAt = now();
      const records = events.map((event) => toRecord(event, storedAt));
      try {
        // The write concern (majority, journal) is the connection's.
        const inserted = Event.insertMany(records, { ordered: false, lean: true });
        await withTimeout(inserted, WRITE_TIMEOUT_MS);
        return events.map(() => 'stored');
      } catch (error) {
        return readOutcomes(error, events.length);
      }
    },
    findMissing: async (events) => {
      const ids = events.map(({ _id }) => Types.ObjectId.createFromHexString(_id));
      const found = await Event.find({ _id: { $in: ids } }, { _id: 1 }).lean();
      const stored = new Set(found.map(({ _id }) => _id.toHexString()));
      return events.filter(({ _id }) => !stored.has(_id));
    },
  };
}

// A lean insert takes the document as it is, so it must be whole: Mongoose adds no timestamps to it. Its shape was checked
// when the job was read.
function toRecord(event: EventJob, storedAt: Date): EventRecord {
  return {
    _id: Types.ObjectId.createFromHexString(event._id),
    site_id: event.site_id,
    event_type: event.event_type,
    path: event.path,
    user_id: event.user_id,
    timestamp: new Date(event.timestamp),
    createdAt: storedAt,
    updatedAt: storedAt,
  };
}

function readOutcomes(error: unknown, count: number): StoreOutcome[] {
  if (!(error instanceof mongo.MongoBulkWriteError) || error.result.getWriteConcernError()) {
    throw error;
  }
  const writeErrors = error.result.getWriteErrors();
  if (writeErrors.length === 0 || writeErrors.some(({ code }) => PASSING_CODES.has(code))) {
    throw error;
  }
  const outcomes = new Array<StoreOutcome>(count).fill('stored');
  for (const { index, code, errmsg } of writeErrors) {
    outcomes[index] = code === DUPLICATE_KEY ? 'duplicate' : { rejected: errmsg ?? `MongoDB error ${code}` };
  }
  return outcomes;
}
