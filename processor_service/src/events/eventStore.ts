import { chunk } from '@analytics/shared/async/chunk';
import { withTimeout } from '@analytics/shared/async/withTimeout';
import type { EventJob } from '@analytics/shared/event/event';
import type { EventModel } from '@analytics/shared/event/eventModel';
import { mongo, Types } from 'mongoose';
import { type InsertReply, readOutcomes, type StoreOutcome, toRejection } from '../database/writeErrors.ts';
import { type InsertRecord, toRecord } from './eventRecord.ts';
import { requireDocumentSize, splitBySize } from './insertParts.ts';
import { isolateFailures } from './isolateFailures.ts';
import type { WriteInvalidator } from './writeInvalidator.ts';

export interface EventStore {
  /**
   * Stores each event once, even if it is stored already. Resolves with one outcome for each, in their order.
   * A rejected event does not affect the others.
   *
   * @throws an error for which `isTransientError` holds, if the outcome is unknown. Calling again is safe.
   */
  storeEvents(events: readonly EventJob[]): Promise<StoreOutcome[]>;
  /**
   * Returns the events that are not stored. Invalidates the hours of the others, in case their writer died.
   */
  findMissing(events: readonly EventJob[]): Promise<EventJob[]>;
}

/**
 * A write without an answer within this time has failed (ms), and is tried again. Without a limit, a lost
 * answer would block its jobs forever, because the worker keeps renewing their locks.
 */
const WRITE_TIMEOUT_MS = 15_000;

/** Look up this many events together. A foreign producer's job may carry 100,000, each in another hour. */
const EVENTS_PER_LOOKUP = 1000;

export interface EventStoreOptions {
  now?: () => Date;
  /** Called after each insert (ms). */
  onInserted?: (tookMs: number) => void;
}

/** Creates the store of events. It inserts unordered, so that a rejected event does not affect the others. */
export function createEventStore(
  Event: EventModel,
  { invalidate, invalidateAgain }: WriteInvalidator,
  { onInserted = () => {} }: EventStoreOptions = {},
): EventStore {
  /** After a failed step, all steps are repeated, so that no event is stored in a valid hour. */
  async function store(records: readonly InsertRecord[]): Promise<StoreOutcome[]> {
    const checkAfterWrite = await withTimeout(invalidate(records), WRITE_TIMEOUT_MS);
    const startedMs = performance.now();
    const reply = await withTimeout(insert(Event, records), WRITE_TIMEOUT_MS);
    onInserted(performance.now() - startedMs);
    await withTimeout(checkAfterWrite(reply.operationTime), WRITE_TIMEOUT_MS);
    return readOutcomes(reply, records.length);
  }

  return {
    storeEvents: async (events) => {
      const { records, outcomes, indexes } = toRecords(events, new Date());
      const written: StoreOutcome[] = [];
      for (const part of splitBySize(records)) {
        written.push(...(await isolateFailures(part, store)));
      }
      for (const [position, index] of indexes.entries()) {
        outcomes[index] = written[position] as StoreOutcome;
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
  // MongoDB may roll back an event that only one member of a replica set has.
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
  /** The index of each record's event. */
  indexes: number[];
  /** One for each event. Those at `indexes` are empty. */
  outcomes: StoreOutcome[];
}

function toRecords(events: readonly EventJob[], storedAt: Date): RecordsOfEvents {
  const records: InsertRecord[] = [];
  const indexes: number[] = [];
  const outcomes = new Array<StoreOutcome>(events.length);
  for (const [index, event] of events.entries()) {
    try {
      const record = toRecord(event, storedAt);
      requireDocumentSize(record);
      records.push(record);
      indexes.push(index);
    } catch (error) {
      outcomes[index] = toRejection(error, true);
    }
  }
  return { records, indexes, outcomes };
}

/**
 * Runs the command instead of `insertMany`, because the driver's bulk write measures each document first,
 * which takes a third of the time per event.
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
    // Later the write would be unobserved, and the write lease of its hours may end.
    maxTimeMS: WRITE_TIMEOUT_MS,
    // A command does not use the write concern of its connection.
    writeConcern: { w, j: journal },
  });
  return reply as InsertReply;
}
