import {
  INGEST_BATCH_JOB,
  INGEST_EVENT_JOB,
  MAX_JOB_BYTES,
  MAX_JOB_EVENTS,
  SerializedData,
} from './eventQueue.ts';

/**
 * Fill a job up to this many bytes of JSON, so that a worker can hold a hundred of them. 500 usual events
 * take a fifth of it. A larger entry is a job of its own.
 */
const JOB_FILL_BYTES = 512 * 1024;

const BATCH_FRAME_BYTES = '{"events":[]}'.length;

/** The most bytes of an entry. A larger one fits into no job. */
export const MAX_ENTRY_BYTES = MAX_JOB_BYTES - BATCH_FRAME_BYTES;

/** Events that stay together in one job, as JSON. */
export interface EventsJson {
  count: number;
  /** The events, separated by commas. */
  json: string;
  /** The length of `json` in UTF-8. */
  bytes: number;
}

/** Serializes events once. The same text is measured and sent. */
export function serializeEvents(events: readonly object[]): EventsJson {
  const json = events.length === 1 ? JSON.stringify(events[0]) : JSON.stringify(events).slice(1, -1);
  return { count: events.length, json, bytes: Buffer.byteLength(json) };
}

/** The remaining room of a job. */
export class JobRoom {
  private events = MAX_JOB_EVENTS;
  private bytes = JOB_FILL_BYTES;

  /** Adds an entry, or returns false if it belongs into the next job. An empty job takes any entry. */
  take({ count, bytes }: Pick<EventsJson, 'count' | 'bytes'>): boolean {
    if (this.events < MAX_JOB_EVENTS && (count > this.events || bytes > this.bytes)) {
      return false;
    }
    this.events -= count;
    this.bytes -= bytes;
    return true;
  }
}

/** Packs entries into as few jobs as their order allows. Does not divide an entry. */
export function packJobs<Entry extends EventsJson>(entries: readonly Entry[]): Entry[][] {
  const jobs: Entry[][] = [];
  let room: JobRoom | undefined;
  for (const entry of entries) {
    if (!room?.take(entry)) {
      room = new JobRoom();
      room.take(entry);
      jobs.push([]);
    }
    jobs.at(-1)?.push(entry);
  }
  return jobs;
}

/** Creates the name and the data of a job from its entries. */
export function createEventJob(entries: readonly EventsJson[]): { name: string; data: SerializedData } {
  const [first, ...others] = entries;
  if (first && first.count === 1 && others.length === 0) {
    return { name: INGEST_EVENT_JOB, data: new SerializedData(first.json, first.bytes) };
  }
  const json = `{"events":[${entries.map((entry) => entry.json).join(',')}]}`;
  let bytes = BATCH_FRAME_BYTES + entries.length - 1;
  for (const entry of entries) {
    bytes += entry.bytes;
  }
  return { name: INGEST_BATCH_JOB, data: new SerializedData(json, bytes) };
}
