import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from '@analytics/shared/logger';
import { createOutageLog } from '@analytics/shared/outageLog';
import type { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import { mongo } from 'mongoose';
import type { DeadLetter, DeadLetters } from './deadLetters.ts';
import type { EventStore } from './eventStore.ts';
import { findOversize } from './jobSize.ts';
import { type QueuedJob, readJob } from './readJob.ts';

const SWEEP_INTERVAL_MS = 10_000;
const PAGE_SIZE = 50;

export interface FailedJobsOptions {
  redis: Redis;
  queue: Queue;
  findMissing: EventStore['findMissing'];
  deadLetters: DeadLetters;
  logger: Logger;
}

export interface FailedJobSweep {
  /** Asks for a sweep at once, instead of at the next interval. */
  request(): void;
  /** Resolves when no sweep is under way any more. */
  close(): Promise<void>;
}

/**
 * Moves what is left of jobs that failed for good into the dead letters: those that took their workers down with them too
 * often, or that met a bug at every attempt. Of a job's events, only those that are not stored. What no letter can hold stays
 * where it is.
 */
export function startFailedJobSweep(options: FailedJobsOptions): FailedJobSweep {
  const { redis, queue, findMissing, deadLetters, logger } = options;
  const outageLog = createOutageLog(
    { began: "failed jobs can't be moved", ended: 'failed jobs are moved again' },
    logger,
  );
  const stopping = new AbortController();
  let wake: AbortController | undefined;
  let toldOf = new Set<string>();

  async function sweep(): Promise<void> {
    const left = new Map<string, string>();
    for (;;) {
      const jobIds = await queue.getRanges(['failed'], left.size, left.size + PAGE_SIZE - 1);
      if (jobIds.length === 0) {
        break;
      }
      for (const jobId of jobIds) {
        const obstacle = (await findObstacle(jobId)) ?? (await moveToDeadLetters(jobId));
        if (obstacle !== undefined) {
          left.set(jobId, obstacle);
        }
      }
    }
    tellOfLeft(left);
  }

  async function findObstacle(jobId: string): Promise<string | undefined> {
    return findOversize(await redis.hstrlen(queue.toKey(jobId), 'data'));
  }

  /** Moves a job, or says why it can never be moved. */
  async function moveToDeadLetters(jobId: string): Promise<string | undefined> {
    // Read from Redis itself, because BullMQ can't read a job whose data is no JSON.
    const fields = await redis.hgetall(queue.toKey(jobId));
    const reason = fields['failedReason'] ?? 'The job failed without a reason.';
    const letters = await toLetters(toQueuedJob(jobId, fields, queue.qualifiedName), reason);
    try {
      await deadLetters.keep(letters, { id: jobId, attempts: Number(fields['ats'] ?? 0) });
    } catch (error) {
      // The driver says so of a letter that is larger than a document may be.
      if (error instanceof mongo.MongoInvalidArgumentError) {
        return error.message;
      }
      throw error;
    }
    await queue.remove(jobId);
    logger.warn(
      { job_id: jobId, dead_letters: letters.length, reason },
      'failed job moved to the dead letters',
    );
    return undefined;
  }

  /** Nothing is lost with them: they stay among the queue's failed jobs, where a person can look at them. */
  function tellOfLeft(left: Map<string, string>): void {
    for (const [jobId, obstacle] of left) {
      if (!toldOf.has(jobId)) {
        logger.error({ job_id: jobId, reason: obstacle }, "failed job can't be moved and stays in the queue");
      }
    }
    toldOf = new Set(left.keys());
  }

  async function toLetters(job: QueuedJob, reason: string): Promise<DeadLetter[]> {
    const { events, unreadable } = readJob(job);
    const missing = await findMissing(events);
    return [...unreadable, ...missing.map((event) => ({ event, reason, cause: reason }))];
  }

  async function run(): Promise<void> {
    while (!stopping.signal.aborted) {
      wake = new AbortController();
      await sweep().then(outageLog.recovered, outageLog.failed);
      const signal = AbortSignal.any([stopping.signal, wake.signal]);
      await delay(SWEEP_INTERVAL_MS, undefined, { signal }).catch(() => undefined);
    }
  }
  const running = run();

  return {
    request: () => wake?.abort(),
    close: async () => {
      stopping.abort();
      await running;
    },
  };
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
