import { eventJobOptions, INGEST_BATCH_JOB } from '@analytics/shared/event/eventQueue';
import { createEventJob, JobRoom, packJobs, serializeEvents } from '@analytics/shared/event/packJobs';
import type { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import { scanBatchItems } from '../events/batchItems.ts';
import { type JobContent, type QueuedJob, readItems } from '../events/readJob.ts';
import type { DeadLetterStore } from './deadLetterStore.ts';

export interface SplitJobDeps {
  /** A connection without a command timeout, because the data of one job may have 512 MB. */
  redis: Redis;
  queue: Queue;
  deadLetters: Pick<DeadLetterStore, 'save'>;
}

/** A failed job that is still in the queue. */
export interface FailedJobInfo extends Pick<QueuedJob, 'id' | 'name' | 'timestamp' | 'attempts'> {
  /** The length of its data. */
  bytes: number;
}

/** The destinations of the items of a job. */
export interface SplitCounts {
  /** The events, which return to the queue. */
  events: number;
  /** Items that are not events, which become dead letters. */
  invalid: number;
  /** Items that are not events and too large for a dead letter, which stay in the job. */
  tooLarge: number;
}

/**
 * The most bytes of a dead letter's content. A document of MongoDB has at most 16 MiB with its other fields.
 */
const MAX_DEAD_LETTER_BYTES = 15 * 1024 * 1024;

/** Finds a failed job without reading its data. Resolves with undefined if it does not exist. */
export async function findFailedJob(
  { redis, queue }: Pick<SplitJobDeps, 'redis' | 'queue'>,
  id: string,
): Promise<FailedJobInfo | undefined> {
  const key = queue.toKey(id);
  const [failedAt, bytes, [name, timestamp, attempts]] = await Promise.all([
    redis.zscore(queue.toKey('failed'), id),
    redis.hstrlen(key, 'data'),
    redis.hmget(key, 'name', 'timestamp', 'ats') as Promise<[string?, string?, string?]>,
  ]);
  return failedAt === null
    ? undefined
    : { id, name: name ?? '', bytes, timestamp: Number(timestamp ?? 0), attempts: Number(attempts ?? 0) };
}

/**
 * Reads the unparsed data of a failed job.
 *
 * @throws Error if the job is not a batch.
 */
export async function readJobData(
  { redis, queue }: SplitJobDeps,
  { id, name }: FailedJobInfo,
): Promise<Buffer> {
  if (name !== INGEST_BATCH_JOB) {
    throw new Error(
      `Job ${id} can't be split: its name is ${name}, and only ${INGEST_BATCH_JOB} holds several events.`,
    );
  }
  return (await redis.hgetBuffer(queue.toKey(id), 'data')) ?? Buffer.alloc(0);
}

/**
 * Counts the items of a job by what `splitJob` would do with them.
 *
 * @throws Error with the reason if the job cannot be split.
 */
export function countItems(deps: SplitJobDeps, job: FailedJobInfo, data: Buffer): Promise<SplitCounts> {
  return walkItems(deps, job, data, async () => {});
}

/**
 * Puts the events of a job into jobs of readable size, and its other items into the dead letters. Besides the
 * data, memory holds at most one of the new jobs. An event has the same identity as if the whole job had been
 * read, so an interrupted and repeated split stores no event twice. Removes the job unless an item must stay
 * in it.
 *
 * @throws Error with the reason if the job cannot be split.
 */
export async function splitJob(
  deps: SplitJobDeps,
  job: FailedJobInfo,
  data: Buffer,
  onProgress: (counts: SplitCounts) => void,
): Promise<SplitCounts> {
  const { queue, deadLetters } = deps;
  const counts = await walkItems(deps, job, data, async ({ events, invalid }, soFar) => {
    for (const entries of packJobs(events.map((event) => serializeEvents([event])))) {
      const { name, data } = createEventJob(entries);
      await queue.add(name, data, eventJobOptions);
    }
    await deadLetters.save(invalid, { id: job.id, attempts: job.attempts });
    onProgress(soFar);
  });
  if (counts.tooLarge === 0 && (await queue.remove(job.id)) !== 1) {
    throw new Error(
      `All of job ${job.id} is split, but it can't be removed: it is locked. Split it again later.`,
    );
  }
  return counts;
}

/** Reads a job's items in pages of the size of one of our own jobs. */
async function walkItems(
  { queue }: SplitJobDeps,
  job: FailedJobInfo,
  data: Buffer,
  work: (content: JobContent, soFar: SplitCounts) => Promise<void>,
): Promise<SplitCounts> {
  const counts = { events: 0, invalid: 0, tooLarge: 0 };
  const origin = { id: job.id, timestamp: job.timestamp, queueQualifiedName: queue.qualifiedName };
  let page: unknown[] = [];
  let room = new JobRoom();
  let index = 0;

  async function endPage(): Promise<void> {
    const content = readItems(origin, page, index);
    counts.events += content.events.length;
    counts.invalid += content.invalid.length;
    index += page.length;
    page = [];
    room = new JobRoom();
    await work(content, counts);
  }

  for (const item of scanBatchItems(data)) {
    const isTooLarge = item.length > MAX_DEAD_LETTER_BYTES;
    if (isTooLarge || !room.take({ count: 1, bytes: item.length })) {
      await endPage();
      room.take({ count: 1, bytes: item.length });
    }
    if (isTooLarge) {
      counts.tooLarge += 1;
      index += 1;
    } else {
      page.push(parseItem(item, job));
    }
  }
  await endPage();
  if (index === 0) {
    throw new Error(`Job ${job.id} can't be split: its data holds no list of events.`);
  }
  return counts;
}

function parseItem(item: Buffer, { id }: FailedJobInfo): unknown {
  try {
    return JSON.parse(item.toString());
  } catch {
    throw new Error(`Job ${id} can't be split: its data is not JSON.`);
  }
}
