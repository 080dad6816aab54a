import { chunk } from '@analytics/shared/async/chunk';
import { withTimeout } from '@analytics/shared/async/withTimeout';
import type { EventJob } from '@analytics/shared/event/event';
import type { EventModel } from '@analytics/shared/event/eventModel';
import { mongo, Types } from 'mongoose';
import {
  type InsertReply,
  isTransientError,
  readOutcomes,
  refuse,
  type StoreOutcome,
} from '../database/writeErrors.ts';
import { type InsertRecord, toRecord } from './eventRecord.ts';
import { requireDocumentSize, splitBySize } from './insertParts.ts';
import { isolateFailures } from './isolateFailures.ts';
import type { WriteInvalidator } from './writeInvalidator.ts';

export interface EventStore {
  /**
   * Stores events that may or may not be stored already; afterwards each one that was not refused is there
   * once. Resolves with what became of each, in the same order: an event that cannot be stored changes
   * nothing for the others.
   *
   * @throws An error that `isTransientError` knows, if MongoDB could not say what became of them. Calling
   *   again
   *   is safe.
   */
  storeEvents(events: readonly EventJob[]): Promise<StoreOutcome[]>;
  /**
   * Returns the events that are not stored. Invalidations the hours of the others, in case their writer died.
   */
  findMissing(events: readonly EventJob[]): Promise<EventJob[]>;
}

/**
 * A write that got no answer by then has failed and is tried again. Without a limit of our own, one lost
 * answer would hold its jobs, whose locks the worker goes on renewing, for ever.
 */
const WRITE_TIMEOUT_MS = 15_000;

/**
 * Events that are looked up together. A foreign producer's job may hold a hundred thousand, each in an hour
 * of its own.
 */
const EVENTS_PER_LOOKUP = 1000;

/** Writes events with one unordered insert, so that one event's failure is not its neighbours'. */
export function createEventStore(
  Event: EventModel,
  { invalidate, invalidateAgain }: WriteInvalidator,
  now: () => Date = () => new Date(),
): EventStore {
  /** If a step fails, all are tried again, so that no event is stored in an hour that was not invalidated. */
  async function store(records: readonly InsertRecord[]): Promise<StoreOutcome[]> {
    const checkAfterWrite = await withTimeout(invalidate(records), WRITE_TIMEOUT_MS);
    const reply = await withTimeout(insert(Event, records), WRITE_TIMEOUT_MS);
    await withTimeout(checkAfterWrite(reply.operationTime), WRITE_TIMEOUT_MS);
    return readOutcomes(reply, records.length);
  }

  const isolation = {
    work: store,
    isPassing: isTransientError,
    findFault: findSerializationFault,
    toOutcome: (error: unknown) => refuse(error, false),
  };

  return {
    storeEvents: async (events) => {
      const { records, outcomes, places } = toRecords(events, now());
      const written: StoreOutcome[] = [];
      for (const part of splitBySize(records)) {
        written.push(...(await isolateFailures(part, isolation)));
      }
      for (const [index, place] of places.entries()) {
        outcomes[place] = written[index] as StoreOutcome;
      }
      return outcomes;
    },
    findMissing: async (events) => {
      const missing: EventJob[] = [];
      for (const some of chunk(events, EVENTS_PER_LOOKUP)) {
        missing.push(...(await findMissingOf(Event, invalidateAgain, some)));
      }
      return missing;
    },
  };
}

async function findMissingOf(
  Event: EventModel,
  invalidateAgain: WriteInvalidator['invalidateAgain'],
  events: readonly EventJob[],
): Promise<EventJob[]> {
  const ids = events.map(({ _id }) => Types.ObjectId.createFromHexString(_id));
  // What only one member of a replica set has may be rolled back.
  const found = await Event.find({ _id: { $in: ids } }, { _id: 1 })
    .readConcern('majority')
    .lean();
  const stored = new Set(found.map(({ _id }) => _id.toHexString()));
  const times = events
    .filter(({ _id }) => stored.has(_id))
    .map(({ site_id, timestamp }) => ({ site_id, timestamp: new Date(timestamp) }));
  await withTimeout(invalidateAgain(times), WRITE_TIMEOUT_MS);
  return events.filter(({ _id }) => !stored.has(_id));
}

interface RecordsOfEvents {
  records: InsertRecord[];
  /** Of each record: its event's place. */
  places: number[];
  /** One for each event; those of `places` are still to come. */
  outcomes: StoreOutcome[];
}

function toRecords(events: readonly EventJob[], storedAt: Date): RecordsOfEvents {
  const records: InsertRecord[] = [];
  const places: number[] = [];
  const outcomes = new Array<StoreOutcome>(events.length);
  for (const [place, event] of events.entries()) {
    try {
      const record = toRecord(event, storedAt);
      requireDocumentSize(record);
      records.push(record);
      places.push(place);
    } catch (error) {
      outcomes[place] = refuse(error, true);
    }
  }
  return { records, places, outcomes };
}

/** The driver serializes a command as a whole, and does not say which document it could not serialize. */
function findSerializationFault(record: InsertRecord): StoreOutcome | undefined {
  try {
    mongo.BSON.serialize(record);
    return undefined;
  } catch (error) {
    return refuse(error, true);
  }
}

/**
 * The command itself, and not `insertMany`: the driver's bulk write measures each document before it writes
 * it, which takes a third of the time that an event costs here.
 */
async function insert(Event: EventModel, documents: readonly InsertRecord[]): Promise<InsertReply> {
  const { db } = Event.db;
  if (db === undefined) {
    throw new mongo.MongoNotConnectedError('The connection to MongoDB was not opened yet.');
  }
  const { w, journal } = db.writeConcern ?? {};
  const reply = await db.command({
    insert: Event.collection.collectionName,
    documents,
    ordered: false,
    // Nobody waits for it any longer, and the invalidations of its hours may ripen.
    maxTimeMS: WRITE_TIMEOUT_MS,
    // A command takes nothing from its connection by itself.
    writeConcern: { w, j: journal },
  });
  return reply as InsertReply;
}
