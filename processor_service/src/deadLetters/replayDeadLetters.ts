import { chunk } from '@analytics/shared/async/chunk';
import { eventJobOptions } from '@analytics/shared/event/eventQueue';
import {
  createEventJob,
  type EventsJson,
  JobRoom,
  MAX_ENTRY_BYTES,
  serializeEvents,
} from '@analytics/shared/event/packJobs';
import type { Queue } from 'bullmq';
import type { mongo } from 'mongoose';
import type { DeadLetterRecord } from '../models/DeadLetter.model.ts';
import { toJobItem } from './deadLetterItem.ts';

/** A version of a dead letter. A dead letter that fails again has a new version. */
export type DeadLetterVersion = Pick<DeadLetterRecord, '_id' | 'last_failed_at'>;

export interface ReplayResult {
  replayed: number;
  /** Dead letters whose content can never be an event. */
  skipped: number;
}

/** The dead letters of one query. */
const PAGE_SIZE = 500;

export interface ReplayOptions {
  collection: mongo.Collection<DeadLetterRecord>;
  /** Exactly these versions are replayed. */
  selected: readonly DeadLetterVersion[];
  queue: Queue;
  onProgress: (result: ReplayResult) => void;
}

/**
 * Puts dead letters back into the queue, in jobs of the ingestion service's size, and deletes the dead
 * letters of a job once Redis has acknowledged it. An event keeps its `_id`, so an interrupted and repeated
 * replay stores no event twice. An event that fails again becomes a dead letter again.
 */
export async function replayDeadLetters({
  collection,
  selected,
  queue,
  onProgress,
}: ReplayOptions): Promise<ReplayResult> {
  const result = { replayed: 0, skipped: 0 };
  let job: (EventsJson & DeadLetterVersion)[] = [];
  let room = new JobRoom();

  async function queueJob(): Promise<void> {
    if (job.length > 0) {
      const { name, data } = createEventJob(job);
      await queue.add(name, data, eventJobOptions);
      await deleteDeadLetters(collection, job);
    }
    result.replayed += job.length;
    onProgress(result);
    job = [];
    room = new JobRoom();
  }

  for (const page of chunk(selected, PAGE_SIZE)) {
    for await (const letter of findVersions(collection, page)) {
      const item = toJobItem(letter);
      const entry = item && serializeEvents([item]);
      if (!entry || entry.bytes > MAX_ENTRY_BYTES) {
        result.skipped += 1;
        continue;
      }
      if (!room.take(entry)) {
        await queueJob();
        room.take(entry);
      }
      job.push({ ...entry, _id: letter._id, last_failed_at: letter.last_failed_at });
    }
  }
  await queueJob();
  return result;
}

/** Deletes these versions of dead letters. Resolves with the number of deleted ones. */
export async function deleteDeadLetters(
  collection: mongo.Collection<DeadLetterRecord>,
  versions: readonly DeadLetterVersion[],
): Promise<number> {
  const { deletedCount } = await collection.bulkWrite(
    versions.map(({ _id, last_failed_at }) => ({ deleteOne: { filter: { _id, last_failed_at } } })),
    { ordered: false },
  );
  return deletedCount;
}

async function* findVersions(
  collection: mongo.Collection<DeadLetterRecord>,
  versions: readonly DeadLetterVersion[],
): AsyncGenerator<DeadLetterRecord> {
  const failedAt = new Map(versions.map(({ _id, last_failed_at }) => [String(_id), Number(last_failed_at)]));
  for await (const letter of collection.find({ _id: { $in: versions.map(({ _id }) => _id) } })) {
    if (failedAt.get(String(letter._id)) === Number(letter.last_failed_at)) {
      yield letter;
    }
  }
}
