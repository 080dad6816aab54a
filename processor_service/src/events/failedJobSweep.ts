import { setTimeout as delay } from 'node:timers/promises';
import { TimeoutError, withTimeout } from '@analytics/shared/async/withTimeout';
import type { Logger } from '@analytics/shared/service/logger';
import { createOutageLog } from '@analytics/shared/service/outageLog';
import type { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import { isTransientError } from '../database/writeErrors.ts';
import type { DeadLetter, DeadLetterStore } from '../deadLetters/deadLetterStore.ts';
import { describeOversize } from '../queue/jobSize.ts';
import type { EventStore } from './eventStore.ts';
import { type JobContent, type QueuedJob, readJob } from './readJob.ts';

const SWEEP_INTERVAL_MS = 10_000;
const PAGE_SIZE = 50;
const CLOSE_DEADLINE_MS = 500;

export interface FailedJobSweepOptions {
  redis: Redis;
  queue: Queue;
  findMissing: EventStore['findMissing'];
  deadLetters: Pick<DeadLetterStore, 'save'>;
  logger: Logger;
}

export interface FailedJobSweep {
  /** Requests a sweep now instead of after the interval. */
  request(): void;
  /** Stops after the current move, for which it waits a moment. */
  close(): Promise<void>;
}

/**
 * Moves the events of failed jobs to the dead letters: of jobs that lost too many workers, or that failed at every
 * attempt. Leaves out events that are stored. A job that cannot be moved stays in the queue, does not affect
 * the others, and is tried again.
 *
 * Every worker sweeps. Two workers that move the same job save the same dead letters, because the `_id` of a dead
 * letter follows from the job.
 */
export function startFailedJobSweep(options: FailedJobSweepOptions): FailedJobSweep {
  const { redis, queue, findMissing, deadLetters, logger } = options;
  const outageLog = createOutageLog(
    { began: 'cannot move failed jobs to the dead letters', ended: 'failed jobs are moved again' },
    logger,
  );
  const stopping = new AbortController();
  let wake: AbortController | undefined;
  let reportedJobs = new Map<string, string>();

  /** Resolves with the jobs that cannot be moved, and the reasons. */
  async function moveAll(): Promise<Map<string, string>> {
    const blocked = new Map<string, string>();
    for (;;) {
      // Oldest first: jobs that fail meanwhile come after the remaining ones.
      const jobIds = await queue.getRanges(['failed'], blocked.size, blocked.size + PAGE_SIZE - 1, true);
      const unseen = jobIds.filter((jobId) => !blocked.has(jobId));
      if (unseen.length === 0) {
        return blocked;
      }
      for (const jobId of unseen) {
        if (stopping.signal.aborted) {
          return blocked;
        }
        const blocker = await moveOrExplain(jobId);
        if (blocker !== undefined) {
          blocked.set(jobId, blocker);
        }
      }
    }
  }

  /**
   * Moves a job, or resolves with the reason why it cannot be moved.
   *
   * @throws Errors that are not about this job: the next one would fail, too.
   */
  async function moveOrExplain(jobId: string): Promise<string | undefined> {
    try {
      return (await findBlocker(jobId)) ?? (await move(jobId));
    } catch (error) {
      if (isTransientError(error) || isRedisError(error as Error)) {
        throw error;
      }
      return (error as Error).message;
    }
  }

  async function findBlocker(jobId: string): Promise<string | undefined> {
    const oversize = describeOversize(await redis.hstrlen(queue.toKey(jobId), 'data'));
    return oversize && `${oversize} Run npm run dead-letters -- split ${jobId} to store what is in it.`;
  }

  /** Resolves with the reason if the job could not be removed. */
  async function move(jobId: string): Promise<string | undefined> {
    // Read from Redis, because BullMQ cannot read a job whose data is not JSON. Without fields, another worker has
    // moved it.
    const fields = await redis.hgetall(queue.toKey(jobId));
    if (Object.keys(fields).length > 0) {
      const reason = fields['failedReason'] ?? 'The job failed without a reason.';
      const origin = { id: jobId, attempts: Number(fields['ats'] ?? 0) };
      let saved = 0;
      for (const part of readJob(toQueuedJob(jobId, fields, queue.qualifiedName))) {
        const missing = await toDeadLetters(part, reason);
        await deadLetters.save(missing, origin);
        saved += missing.length;
      }
      if (saved === 0) {
        logger.info({ job_id: jobId }, 'failed job removed: all of its events are stored');
      }
    }
    return (await queue.remove(jobId)) === 1 ? undefined : 'BullMQ does not remove it: it is locked.';
  }

  /** They stay among the failed jobs of the queue, where an operator can find them. */
  function reportUnmovable(blocked: Map<string, string>): void {
    for (const [jobId, blocker] of blocked) {
      if (reportedJobs.get(jobId) !== blocker) {
        logger.error(
          { job_id: jobId, reason: blocker },
          'cannot move a failed job to the dead letters; it stays in the queue',
        );
      }
    }
    reportedJobs = blocked;
  }

  async function toDeadLetters({ events, invalid }: JobContent, reason: string): Promise<DeadLetter[]> {
    const missing = await findMissing(events);
    return [...invalid, ...missing.map((event) => ({ event, reason, cause: reason }))];
  }

  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      wake = new AbortController();
      try {
        reportUnmovable(await moveAll());
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
      // The next sweep repeats an interrupted move, so one that waits for an absent server is abandoned.
      await withTimeout(running, CLOSE_DEADLINE_MS).catch((error: unknown) => {
        if (!(error instanceof TimeoutError)) {
          throw error;
        }
      });
    },
  };
}

/** Whether Redis is away or rejects every command. A key of the wrong type concerns one job only. */
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
    // The text is not an event, and becomes a dead letter as it is.
    return text;
  }
}
