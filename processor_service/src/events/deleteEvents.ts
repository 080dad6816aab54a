import type { EventModel, EventRecord } from '@analytics/shared/event/eventModel';
import { mongo, type Types } from 'mongoose';
import type { WriteInvalidator } from './writeInvalidator.ts';

/** The stored events to delete. */
export interface EventSelection {
  site_id: string;
  /** From this time on. */
  since?: Date | undefined;
  /** Before this time. */
  until?: Date | undefined;
  user_id?: string | undefined;
  /** Only events that were stored by then, so that nothing is deleted that arrives later. */
  storedBy: Date;
}

/** Small, so that a deletion holds up no other command. */
const BATCH_EVENTS = 1000;

export function countSelected(Event: EventModel, selection: EventSelection): Promise<number> {
  return Event.countDocuments(toFilter(selection));
}

/**
 * Deletes events in small batches. The hours of a batch are invalidated before it is deleted, and checked
 * after it, as for a write: from then on no report uses a rollup that contains the events, and the processor
 * counts the hours again. It can be interrupted anywhere and repeated. It ends after the current batch when
 * the signal aborts. Resolves with the number of deleted events.
 */
export async function deleteSelected(
  Event: EventModel,
  { invalidate }: Pick<WriteInvalidator, 'invalidate'>,
  selection: EventSelection,
  onProgress: (deleted: number) => void,
  signal?: AbortSignal,
): Promise<number> {
  let deleted = 0;
  while (!signal?.aborted) {
    const batch = await readBatch(Event, selection);
    if (batch.length === 0) {
      break;
    }
    const checkAfterWrite = await invalidate(batch);
    const { n, operationTime } = await deleteByIds(
      Event,
      batch.map(({ _id }) => _id),
    );
    await checkAfterWrite(operationTime);
    deleted += n;
    onProgress(deleted);
  }
  return deleted;
}

/** In the order of an index, so that neighbours are of few hours. */
async function readBatch(
  Event: EventModel,
  selection: EventSelection,
): Promise<Pick<EventRecord, '_id' | 'site_id' | 'timestamp'>[]> {
  const fields = { site_id: 1, timestamp: 1 };
  return Event.find(toFilter(selection), fields).sort({ timestamp: 1 }).limit(BATCH_EVENTS).lean();
}

/** A command of its own, because its reply has the operation time. */
async function deleteByIds(
  Event: EventModel,
  ids: readonly Types.ObjectId[],
): Promise<{ n: number; operationTime?: mongo.Timestamp }> {
  const { db } = Event.db;
  if (db === undefined) {
    throw new mongo.MongoNotConnectedError('The connection to MongoDB was not opened yet.');
  }
  const { w, journal } = db.writeConcern ?? {};
  const reply = await db.command({
    delete: Event.collection.collectionName,
    deletes: [{ q: { _id: { $in: ids } }, limit: 0 }],
    writeConcern: { w, j: journal },
  });
  return reply as { n: number; operationTime?: mongo.Timestamp };
}

function toFilter({ site_id, since, until, user_id, storedBy }: EventSelection) {
  return {
    site_id,
    ...((since || until) && { timestamp: { ...(since && { $gte: since }), ...(until && { $lt: until }) } }),
    ...(user_id !== undefined && { user_id }),
    createdAt: { $lte: storedBy },
  };
}
