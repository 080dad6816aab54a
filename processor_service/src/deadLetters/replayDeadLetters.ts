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

/** A dead letter as it was when it was selected: a letter that failed again since is another version. */
export type DeadLetterVersion = Pick<DeadLetterRecord, '_id' | 'last_failed_at'>;

export interface ReplayResult {
  replayed: number;
  /** Letters that hold nothing that could ever be an event. */
  skipped: number;
}

/** How many letters one question to MongoDB names. */
const PAGE_SIZE = 500;

export interface ReplayOptions {
  letters: mongo.Collection<DeadLetterRecord>;
  /** Exactly these are replayed. */
  selected: readonly DeadLetterVersion[];
  queue: Queue;
  onProgress: (result: ReplayResult) => void;
}

/**
 * Puts dead letters back into the queue, in jobs as large as the ingestion service makes them, and removes
 * the letters of a job once Redis has acknowledged it. An event keeps its `_id`, so a replay that is cut off
 * and repeated stores nothing twice; one that fails again comes back as a letter.
 */
export async function replayDeadLetters({
  letters,
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
      await deleteDeadLetters(letters, job);
    }
    result.replayed += job.length;
    onProgress(result);
    job = [];
    room = new JobRoom();
  }

  for (const page of chunk(selected, PAGE_SIZE)) {
    for await (const letter of findVersions(letters, page)) {
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

/**
 * Deletes letters, but not one that failed again since: the worker renewed it. Resolves with how many it
 * deleted.
 */
export async function deleteDeadLetters(
  letters: mongo.Collection<DeadLetterRecord>,
  versions: readonly DeadLetterVersion[],
): Promise<number> {
  const { deletedCount } = await letters.bulkWrite(
    versions.map(({ _id, last_failed_at }) => ({ deleteOne: { filter: { _id, last_failed_at } } })),
    { ordered: false },
  );
  return deletedCount;
}

async function* findVersions(
  letters: mongo.Collection<DeadLetterRecord>,
  versions: readonly DeadLetterVersion[],
): AsyncGenerator<DeadLetterRecord> {
  const failedAt = new Map(versions.map(({ _id, last_failed_at }) => [String(_id), Number(last_failed_at)]));
  for await (const letter of letters.find({ _id: { $in: versions.map(({ _id }) => _id) } })) {
    if (failedAt.get(String(letter._id)) === Number(letter.last_failed_at)) {
      yield letter;
    }
  }
}
