import type { EventJob } from '@analytics/shared/event';
import type { EventModel, EventRecord } from '@analytics/shared/eventModel';
import { mongo, Types } from 'mongoose';

/** What became of the events of one write. */
export interface StoreResult {
  stored: number;
  /** Events that were there already: an earlier delivery of the same job, or the same `event_id` again. */
  duplicates: number;
  /** Events that MongoDB will never take. */
  rejected: { event: EventJob; reason: string }[];
}

export interface EventStore {
  /**
   * Stores events that may or may not be stored already; afterwards each one that was not rejected is there once.
   *
   * @throws The driver's error if MongoDB could not say what became of them, for a reason that passes. Calling again is safe.
   */
  storeEvents(events: EventJob[]): Promise<StoreResult>;
}

const DUPLICATE_KEY = 11000;

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
      const records = events.map((event) => toRecord(event, now()));
      try {
        await Event.insertMany(records, { ordered: false, lean: true });
        return { stored: events.length, duplicates: 0, rejected: [] };
      } catch (error) {
        return readWriteErrors(error, events);
      }
    },
  };
}

// A lean insert takes the document as it is, so it must be whole: Mongoose adds no timestamps to it.
function toRecord(event: EventJob, storedAt: Date): EventRecord {
  return {
    _id: new Types.ObjectId(event._id),
    site_id: event.site_id,
    event_type: event.event_type,
    path: event.path,
    user_id: event.user_id,
    timestamp: new Date(event.timestamp),
    createdAt: storedAt,
    updatedAt: storedAt,
  };
}

function readWriteErrors(error: unknown, events: EventJob[]): StoreResult {
  if (!(error instanceof mongo.MongoBulkWriteError) || error.result.getWriteConcernError()) {
    throw error;
  }
  const writeErrors = error.result.getWriteErrors();
  if (writeErrors.length === 0 || writeErrors.some(({ code }) => PASSING_CODES.has(code))) {
    throw error;
  }
  const rejected = writeErrors
    .filter(({ code }) => code !== DUPLICATE_KEY)
    .map(({ index, errmsg }) => ({
      event: events[index] as EventJob,
      reason: errmsg ?? 'refused by MongoDB',
    }));
  return {
    stored: events.length - writeErrors.length,
    duplicates: writeErrors.length - rejected.length,
    rejected,
  };
}
