import { setTimeout as delay } from 'node:timers/promises';
import { TimeoutError, withTimeout } from '@analytics/shared/async/withTimeout';
import type { Logger } from '@analytics/shared/service/logger';
import { createOutageLog } from '@analytics/shared/service/outageLog';
import type { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import { isPassingError } from '../database/writeErrors.ts';
import type { DeadLetter, DeadLetters } from '../deadLetters/deadLetterStore.ts';
import { findOversize } from '../queue/jobSize.ts';
import type { EventStore } from './eventStore.ts';
import { type JobContent, type QueuedJob, readJob } from './readJob.ts';

const SWEEP_INTERVAL_MS = 10_000;
const PAGE_SIZE = 50;
const CLOSE_DEADLINE_MS = 500;

export interface FailedJobsOptions {
  redis: Redis;
  queue: Queue;
  findMissing: EventStore['findMissing'];
  deadLetters: Pick<DeadLetters, 'keep'>;
  logger: Logger;
}

export interface FailedJobSweep {
  /** Asks for a sweep at once, instead of at the next interval. */
  request(): void;
  /** Begins no further move, and gives the one under way a moment to finish. */
  close(): Promise<void>;
}

/**
 * Moves what is left of jobs that failed for good into the dead letters: those that took their workers down
 * with them too often, or that met a bug at every attempt. Of a job's events, only those that are not stored.
 * A job that cannot be moved stays where it is, does not keep others from being moved, and is tried again.
 *
 * Every worker sweeps. Two that move the same job write the same letters, as a letter's `_id` follows from
 * the job.
 */
export function startFailedJobSweep(options: FailedJobsOptions): FailedJobSweep {
  const { redis, queue, findMissing, deadLetters, logger } = options;
  const outageLog = createOutageLog(
    { began: "failed jobs can't be moved", ended: 'failed jobs are moved again' },
    logger,
  );
  const stopping = new AbortController();
  let wake: AbortController | undefined;
  let toldOf = new Map<string, string>();

  /** Resolves with the jobs that cannot be moved, and why. */
  async function moveAll(): Promise<Map<string, string>> {
    const left = new Map<string, string>();
    for (;;) {
      // Oldest first: what fails meanwhile comes behind what is left.
      const jobIds = await queue.getRanges(['failed'], left.size, left.size + PAGE_SIZE - 1, true);
      const unseen = jobIds.filter((jobId) => !left.has(jobId));
      if (unseen.length === 0) {
        return left;
      }
      for (const jobId of unseen) {
        if (stopping.signal.aborted) {
          return left;
        }
        const obstacle = await moveOrExplain(jobId);
        if (obstacle !== undefined) {
          left.set(jobId, obstacle);
        }
      }
    }
  }

  /**
   * Moves a job, or says why it can't be moved.
   *
   * @throws An error that says nothing of this job: the next would meet it as well.
   */
  async function moveOrExplain(jobId: string): Promise<string | undefined> {
    try {
      return (await findObstacle(jobId)) ?? (await move(jobId));
    } catch (error) {
      if (isPassingError(error) || isRedisError(error as Error)) {
        throw error;
      }
      return (error as Error).message;
    }
  }

  async function findObstacle(jobId: string): Promise<string | undefined> {
    const oversize = findOversize(await redis.hstrlen(queue.toKey(jobId), 'data'));
    return oversize && `${oversize} Run npm run dead-letters -- split ${jobId} to store what is in it.`;
  }

  /** Resolves with why the job could not be removed, if it could not. */
  async function move(jobId: string): Promise<string | undefined> {
    // Read from Redis itself, because BullMQ can't read a job whose data is no JSON. Without fields, another
    // has moved it.
    const fields = await redis.hgetall(queue.toKey(jobId));
    if (Object.keys(fields).length > 0) {
      const reason = fields['failedReason'] ?? 'The job failed without a reason.';
      const origin = { id: jobId, attempts: Number(fields['ats'] ?? 0) };
      let kept = 0;
      for (const part of readJob(toQueuedJob(jobId, fields, queue.qualifiedName))) {
        const letters = await toLetters(part, reason);
        await deadLetters.keep(letters, origin);
        kept += letters.length;
      }
      if (kept === 0) {
        logger.info({ job_id: jobId }, 'all events of a failed job are stored: the job is removed');
      }
    }
    return (await queue.remove(jobId)) === 1 ? undefined : 'BullMQ does not remove it: it is locked.';
  }

  /** Nothing is lost with them: they stay among the queue's failed jobs, where a person can look at them. */
  function tellOfLeft(left: Map<string, string>): void {
    for (const [jobId, obstacle] of left) {
      if (toldOf.get(jobId) !== obstacle) {
        logger.error({ job_id: jobId, reason: obstacle }, "failed job can't be moved and stays in the queue");
      }
    }
    toldOf = left;
  }

  async function toLetters({ events, unreadable }: JobContent, reason: string): Promise<DeadLetter[]> {
    const missing = await findMissing(events);
    return [...unreadable, ...missing.map((event) => ({ event, reason, cause: reason }))];
  }

  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      wake = new AbortController();
      try {
        tellOfLeft(await moveAll());
        outageLog.recovered();
      } catch (error) {
        if (!stopping.signal.aborted) {
          outageLog.failed(error as Error);
        }
      }
      const signal = AbortSignal.any([stopping.signal, wake.signal]);
      await delay(SWEEP_INTERVAL_MS, undefined, { signal }).catch(() => undefined);
    }
  }
  const running = run();

  return {
    request: () => wake?.abort(),
    close: async () => {
      stopping.abort();
      // A move that is cut off is done again by the next sweep, so one that waits for a server that is away
      // is left behind.
      await withTimeout(running, CLOSE_DEADLINE_MS).catch((error: unknown) => {
        if (!(error instanceof TimeoutError)) {
          throw error;
        }
      });
    },
  };
}

/**
 * Whether Redis is away or refuses everybody. That a key is of another type than a job's says something of
 * that job only.
 */
function isRedisError({ name, message, syscall }: NodeJS.ErrnoException): boolean {
  const isRefusal = name === 'ReplyError' && !message.startsWith('WRONGTYPE');
  return isRefusal || syscall !== undefined || message.startsWith('Connection is closed');
}

function toQueuedJob(id: string, fields: Record<string, string>, queueQualifiedName: string): QueuedJob {
  return {
    id,
    name: fields['name'] ?? '',
    data: parseData(fields['data'] ?? ''),
    timestamp: Number(fields['timestamp'] ?? 0),
    queueQualifiedName,
  };
}

function parseData(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    // The text itself is then what the job carried; it is no event, and is kept as it is.
    return text;
  }
}
