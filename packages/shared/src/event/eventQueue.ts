import { Job, type JobJson, type JobProgress, type JobsOptions, Queue } from 'bullmq';
import type { Redis } from 'ioredis';

/** The job whose data is one `EventJob`. A foreign producer may use it with an `EventInput`. */
export const INGEST_EVENT_JOB = 'ingest-event';

/** The job whose data is `{ events: EventJob[] }`. It is stored, or tried again, as a whole. */
export const INGEST_BATCH_JOB = 'ingest-batch';

/**
 * The most events that one job carries. As many as MongoDB takes well in one insert; few enough that a worker
 * that dies leaves little to do again.
 */
export const MAX_JOB_EVENTS = 500;

/**
 * The most bytes of JSON in one job's data. The consumer does not parse more, because that could take all of
 * a worker's memory, and a queue of `openEventQueue` does not add more. Our own jobs are filled far less
 * (`packJobs`); the rest is room for foreign producers.
 */
export const MAX_JOB_BYTES = 16 * 1024 * 1024;

/**
 * How every event job is queued. The attempts are for what nobody foresaw: MongoDB's absence costs none. A
 * completed job goes at once, because what it did is in the log and in MongoDB, and a kept one would hold its
 * events in Redis. A failed one stays until it is in `dead_letters`, because what was accepted must not be
 * lost.
 */
export const eventJobOptions = {
  attempts: 5,
  backoff: { type: 'exponential', delay: 1000, jitter: 0.5 },
  removeOnComplete: true,
  removeOnFail: false,
} satisfies JobsOptions;

export interface EventQueueNames {
  /** The queue's own name. */
  queueName: string;
  /** Under which BullMQ keeps all of it in Redis. */
  queuePrefix: string;
}

/**
 * Opens the queue for adding jobs or looking after them. The caller closes the connection. Job data may be a
 * `SerializedData`. `add` rejects with a RangeError if a job's data exceeds `MAX_JOB_BYTES`.
 */
export function openEventQueue(redis: Redis, { queueName, queuePrefix }: EventQueueNames): Queue {
  const queue = new EventQueue(queueName, {
    connection: redis,
    prefix: queuePrefix,
    // BullMQ asks for the version once, and a queue that gets no answer stays broken.
    skipVersionCheck: true,
    defaultJobOptions: eventJobOptions,
  });
  // Without a listener the process would end. What happens to the connection is its watch's to log.
  queue.on('error', () => {});
  return queue;
}

/** A job's data that is JSON already, so that it is neither serialized nor measured a second time. */
export class SerializedData {
  readonly json: string;
  /** The length of `json` in UTF-8. */
  readonly bytes: number;

  constructor(json: string, bytes: number) {
    this.json = json;
    this.bytes = bytes;
  }

  /** Makes it cheap to let BullMQ serialize everything else of the job. */
  toJSON(): null {
    return null;
  }
}

/**
 * BullMQ's own way to replace its `Job` class: `Queue.add` serializes a job by `asJSON` and hands that to its
 * script.
 */
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

/** @throws RangeError if the consumer would not read a job with data of this length. */
function requireReadable(bytes: number): void {
  if (bytes > MAX_JOB_BYTES) {
    throw new RangeError(
      `A job with ${bytes} bytes of data can't be queued: at most ${MAX_JOB_BYTES} are read.`,
    );
  }
}
