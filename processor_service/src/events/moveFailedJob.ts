import type { Logger } from '@analytics/shared/service/logger';
import type { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import { isTransientError } from '../database/writeErrors.ts';
import type { DeadLetterStore } from '../deadLetters/deadLetterStore.ts';
import { describeOversize } from '../queue/jobSize.ts';
import { parseJobData } from '../queue/jobText.ts';
import type { EventStore } from './eventStore.ts';
import { type QueuedJob, readJob } from './readJob.ts';

export interface MoveFailedJobDeps {
  redis: Redis;
  queue: Queue;
  findMissing: EventStore['findMissing'];
  deadLetters: Pick<DeadLetterStore, 'save'>;
  logger: Pick<Logger, 'info'>;
}

/**
 * Moves the events of a failed job that are not stored to the dead letters, and removes the job. Resolves
 * with the reason if that is not possible.
 *
 * @throws Errors that are not about this job: the next one would fail, too.
 */
export type MoveFailedJob = (jobId: string) => Promise<string | undefined>;

/** Creates the step that moves a failed job. */
export function createMoveFailedJob(deps: MoveFailedJobDeps): MoveFailedJob {
  const { redis, queue, findMissing, deadLetters, logger } = deps;

  async function findBlocker(jobId: string): Promise<string | undefined> {
    const oversize = describeOversize(await redis.hstrlen(queue.toKey(jobId), 'data'));
    return oversize && `${oversize} Run npm run dead-letters -- split ${jobId} to store what is in it.`;
  }

  /** Resolves with the reason if the job could not be removed. */
  async function move(jobId: string): Promise<string | undefined> {
    // Read from Redis, because BullMQ cannot read a job whose data is not JSON. Without fields, another
    // worker has moved it.
    const fields = await redis.hgetall(queue.toKey(jobId));
    if (Object.keys(fields).length > 0) {
      const reason = fields['failedReason'] ?? 'The job failed without a reason.';
      const job = parseJob(jobId, fields, queue.qualifiedName);
      let saved = 0;
      for (const { events, invalid } of readJob(job)) {
        const missing = await findMissing(events);
        const letters = [...invalid, ...missing.map((event) => ({ event, reason, cause: reason }))];
        await deadLetters.save(letters, job);
        saved += letters.length;
      }
      if (saved === 0) {
        logger.info({ job_id: jobId }, 'failed job removed: all of its events are stored');
      }
    }
    return (await queue.remove(jobId)) === 1 ? undefined : 'BullMQ does not remove it: it is locked.';
  }

  return async (jobId) => {
    try {
      return (await findBlocker(jobId)) ?? (await move(jobId));
    } catch (error) {
      if (isTransientError(error) || isRedisError(error as Error)) {
        throw error;
      }
      return (error as Error).message;
    }
  };
}

/** Whether Redis is away or rejects every command. A key of the wrong type concerns one job only. */
function isRedisError({ name, message, syscall }: NodeJS.ErrnoException): boolean {
  const isRefusal = name === 'ReplyError' && !message.startsWith('WRONGTYPE');
  return isRefusal || syscall !== undefined || message.startsWith('Connection is closed');
}

/** Reads a failed job from its hash in Redis, in which `ats` is the number of its attempts. */
function parseJob(id: string, fields: Record<string, string>, queueQualifiedName: string): QueuedJob {
  return {
    id,
    name: fields['name'] ?? '',
    data: parseJobData(fields['data'] ?? ''),
    timestamp: Number(fields['timestamp'] ?? 0),
    queueQualifiedName,
    attempts: Number(fields['ats'] ?? 0),
    isLastAttempt: true,
  };
}
