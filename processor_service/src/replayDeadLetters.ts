import { chunk } from '@analytics/shared/chunk';
import { eventJobOptions, INGEST_BATCH_JOB, MAX_JOB_EVENTS } from '@analytics/shared/eventQueue';
import type { Queue } from 'bullmq';
import type { mongo } from 'mongoose';
import { readLetterItem } from './letterItem.ts';
import type { DeadLetterRecord } from './models/DeadLetter.model.ts';

/** A dead letter as it was when it was selected: a letter that failed again since is another version. */
export type LetterVersion = Pick<DeadLetterRecord, '_id' | 'last_failed_at'>;

export interface ReplayResult {
  replayed: number;
  /** Letters that hold nothing that could ever be an event. */
  skipped: number;
}

export interface ReplayOptions {
  letters: mongo.Collection<DeadLetterRecord>;
  /** Exactly these are replayed. */
  selected: readonly LetterVersion[];
  queue: Queue;
  onProgress: (result: ReplayResult) => void;
}

/**
 * Puts dead letters back into the queue and removes them once Redis has acknowledged that. An event keeps its `_id`, so a
 * replay that is cut off and repeated stores nothing twice; one that fails again comes back as a letter.
 */
export async function replayDeadLetters({
  letters,
  selected,
  queue,
  onProgress,
}: ReplayOptions): Promise<ReplayResult> {
  const result = { replayed: 0, skipped: 0 };
  for (const page of chunk(selected, MAX_JOB_EVENTS)) {
    const replayed: LetterVersion[] = [];
    const items: object[] = [];
    for (const letter of await findVersions(letters, page)) {
      const item = readLetterItem(letter);
      if (item === undefined) {
        result.skipped += 1;
      } else {
        replayed.push(letter);
        items.push(item);
      }
    }
    if (items.length > 0) {
      await queue.add(INGEST_BATCH_JOB, { events: items }, eventJobOptions);
      await deleteLetters(letters, replayed);
    }
    result.replayed += replayed.length;
    onProgress(result);
  }
  return result;
}

/** Deletes letters, but not one that failed again since: the worker renewed it. Resolves with how many it deleted. */
export async function deleteLetters(
  letters: mongo.Collection<DeadLetterRecord>,
  versions: readonly LetterVersion[],
): Promise<number> {
  const { deletedCount } = await letters.bulkWrite(
    versions.map(({ _id, last_failed_at }) => ({ deleteOne: { filter: { _id, last_failed_at } } })),
    { ordered: false },
  );
  return deletedCount;
}

async function findVersions(
  letters: mongo.Collection<DeadLetterRecord>,
  versions: readonly LetterVersion[],
): Promise<DeadLetterRecord[]> {
  const failedAt = new Map(versions.map(({ _id, last_failed_at }) => [String(_id), Number(last_failed_at)]));
  const found = await letters.find({ _id: { $in: versions.map(({ _id }) => _id) } }).toArray();
  return found.filter(({ _id, last_failed_at }) => failedAt.get(String(_id)) === Number(last_failed_at));
}
