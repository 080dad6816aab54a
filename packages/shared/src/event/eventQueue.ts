import { Job, type JobJson, type JobProgress, type JobsOptions, Queue } from 'bullmq';
import type { Redis } from 'ioredis';

/** The job whose data is one `EventJob`. A foreign producer may use it with an `EventInput`. */
export const INGEST_EVENT_JOB = 'ingest-event';

/** The job whose data is `{ events: EventJob[] }`. It is stored, or tried again, as a whole. */
export const INGEST_BATCH_JOB = 'ingest-batch';

/**
 * The most events of one job. MongoDB inserts this many efficiently, and a dead worker leaves little work to
 * repeat.
 */
export const MAX_JOB_EVENTS = 500;

/**
 * The most bytes of JSON in one job's data. The consumer does not parse more, which could take all of its
 * memory, and a queue of `openEventQueue` does not add more. Our own jobs are much smaller (`packJobs`), but
 * those of foreign producers may not be.
 */
export const MAX_JOB_BYTES = 16 * 1024 * 1024;

/**
 * The options of every event job. Attempts are for unexpected errors: an outage of MongoDB uses none. A
 * completed job is removed immediately, because its events are in MongoDB and its result is in the log. A
 * failed job stays until its events are in `dead_letters`, so that no accepted event is lost.
 */
export const eventJobOptions = {
  attempts: 5,
  backoff: { type: 'exponential', delay: 1000, jitter: 0.5 },
  removeOnComplete: true,
  removeOnFail: false,
} satisfies JobsOptions;

export interface EventQueueNames {
  queueName: string;
  /** The prefix of BullMQ's keys in Redis. */
  queuePrefix: string;
}

/**
 * Opens the queue for adding and managing jobs. The caller closes the connection. Job data may be a
 * `SerializedData`. `add` rejects with a RangeError if a job's data exceeds `MAX_JOB_BYTES`.
 */
export function openEventQueue(redis: Redis, { queueName, queuePrefix }: EventQueueNames): Queue {
  const queue = new EventQueue(queueName, {
    connection: redis,
    prefix: queuePrefix,
    // BullMQ checks the version once, and a queue whose check fails stays broken.
    skipVersionCheck: true,
    defaultJobOptions: eventJobOptions,
  });
  // Without a listener the process would end. The watch logs errors of the connection.
  queue.on('error', () => {});
  return queue;
}

/** Job data that is already JSON, so that it is not serialized or measured again. */
export class SerializedData {
  readonly json: string;
  /** The length of `json` in UTF-8. */
  readonly bytes: number;

  constructor(json: string, bytes: number) {
    this.json = json;
    this.bytes = bytes;
  }

  /** Makes BullMQ's own serialization of the job cheap. */
  toJSON(): null {
    return null;
  }
}

/** Replaces BullMQ's `Job` class by its own mechanism: `Queue.add` sends the result of `asJSON`. */
class EventQueue extends Queue {
  protected override get Job(): typeof Job {
    return EventQueueJob;
  }
}

class EventQueueJob<Data, Result, Name extends string, Progress extends JobProgress> extends Job<
  Data,
  Result,
  Name,
  Progress
> {
  override asJSON(): JobJson {
    const json = super.asJSON();
    const { data } = this;
    if (data instanceof SerializedData) {
      requireReadable(data.bytes);
      json.data = data.json;
      return json;
    }
    requireReadable(Buffer.byteLength(json.data));
    return json;
  }
}

/** @throws RangeError if the consumer does not read job data of this length. */
function requireReadable(bytes: number): void {
  if (bytes > MAX_JOB_BYTES) {
    throw new RangeError(
      `A job with ${bytes} bytes of data can't be queued: at most ${MAX_JOB_BYTES} are read.`,
    );
  }
}
