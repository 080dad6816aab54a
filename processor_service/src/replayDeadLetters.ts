import type { EventJob } from '@analytics/shared/event';
import {
  eventJobOptions,
  INGEST_BATCH_JOB,
  INGEST_EVENT_JOB,
  MAX_JOB_EVENTS,
} from '@analytics/shared/eventQueue';
import type { Queue } from 'bullmq';
import type { mongo } from 'mongoose';
import type { DeadLetterRecord } from './models/DeadLetter.model.ts';

export interface ReplayResult {
  replayed: number;
  /** Letters that hold nothing that could ever be an event. */
  skipped: number;
}

export interface ReplayOptions {
  letters: mongo.Collection<DeadLetterRecord>;
  filter: Record<string, unknown>;
  queue: Queue;
  onProgress: (result: ReplayResult) => void;
}

/**
 * Puts dead letters back into the queue and removes them once Redis has acknowledged that. An event keeps its `_id`, so a
 * replay that is cut off and repeated stores nothing twice; one that fails again comes back as a letter.
 */
export async function replayDeadLetters({
  letters,
  filter,
  queue,
  onProgress,
}: ReplayOptions): Promise<ReplayResult> {
  const result = { replayed: 0, skipped: 0 };
  // Only what had failed by now: what comes back while this runs is not taken up again.
  const selection = { $and: [filter, { last_failed_at: { $lt: new Date() } }] };
  let group: DeadLetterRecord[] = [];

  async function replayGroup(): Promise<void> {
    const events = group.flatMap(({ event }) => (event ? [event] : []));
    if (events.length > 0) {
      await queue.add(INGEST_BATCH_JOB, { events }, eventJobOptions);
    }
    for (const letter of group) {
      const item = letter.event ? undefined : readRaw(letter);
      if (item !== undefined) {
        await queue.add(INGEST_EVENT_JOB, item, eventJobOptions);
      }
    }
    await remove(letters, group);
    result.replayed += group.length;
    onProgress(result);
    group = [];
  }

  for await (const letter of letters.find(selection)) {
    if (letter.event === undefined && readRaw(letter) === undefined) {
      result.skipped += 1;
      continue;
    }
    group.push(letter);
    if (group.length === MAX_JOB_EVENTS) {
      await replayGroup();
    }
  }
  if (group.length > 0) {
    await replayGroup();
  }
  return result;
}

/** A letter that failed again meanwhile was renewed by the worker, and has to stay. */
async function remove(letters: mongo.Collection<DeadLetterRecord>, group: DeadLetterRecord[]): Promise<void> {
  await letters.bulkWrite(
    group.map(({ _id, last_failed_at }) => ({ deleteOne: { filter: { _id, last_failed_at } } })),
    { ordered: false },
  );
}

/** What a raw letter would be as a job. Without an identity of its own it gets the letter's, so that it can't become two. */
function readRaw({ _id, raw }: DeadLetterRecord): object | undefined {
  const item: unknown = JSON.parse(raw || 'null');
  if (typeof item !== 'object' || item === null || Array.isArray(item)) {
    return undefined;
  }
  return '_id' in item || 'event_id' in item
    ? item
    : ({ ...item, _id: _id.toHexString() } as Partial<EventJob>);
}
