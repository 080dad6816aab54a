import { setTimeout as delay } from 'node:timers/promises';
import type { Logger } from '@analytics/shared/logger';
import { createOutageLog } from '@analytics/shared/outageLog';
import { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import type { DeadLetter, DeadLetters } from './deadLetters.ts';
import type { EventStore } from './eventStore.ts';
import { type QueuedJob, readJob } from './readJob.ts';

const SWEEP_INTERVAL_MS = 10_000;
const PAGE_SIZE = 50;

export interface FailedJobsOptions {
  redis: Redis;
  queueName: string;
  queuePrefix: string;
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
 * often, whose data is no JSON, or that met a bug at every attempt. Of a job's events, only those that are not stored.
 */
export function startFailedJobSweep(options: FailedJobsOptions): FailedJobSweep {
  const { redis, queueName, queuePrefix, findMissing, deadLetters, logger } = options;
  const queue = new Queue(queueName, { connection: redis, prefix: queuePrefix, skipVersionCheck: true });
  // Without a listener the process would end. The consumer's own log tells what happens to the queue.
  queue.on('error', () => {});
  const outageLog = createOutageLog(
    { began: "failed jobs can't be moved", ended: 'failed jobs are moved again' },
    logger,
  );
  const stopping = new AbortController();
  let wake: AbortController | undefined;

  async function sweep(): Promise<void> {
    for (;;) {
      const jobIds = await queue.getRanges(['failed'], 0, PAGE_SIZE - 1);
      if (jobIds.length === 0) {
        return;
      }
      for (const jobId of jobIds) {
        await moveToDeadLetters(jobId);
      }
    }
  }

  async function moveToDeadLetters(jobId: string): Promise<void> {
    // Read from Redis itself, because BullMQ can't read a job whose data is no JSON.
    const fields = await redis.hgetall(queue.toKey(jobId));
    const reason = fields['failedReason'] ?? 'The job failed without a reason.';
    const letters = await toLetters(toQueuedJob(jobId, fields, queue.qualifiedName), reason);
    await deadLetters.keep(letters, { id: jobId, attempts: Number(fields['ats'] ?? 0) });
    await queue.remove(jobId);
    logger.warn(
      { job_id: jobId, dead_letters: letters.length, reason },
      'failed job moved to the dead letters',
    );
  }

  async function toLetters(job: QueuedJob, reason: string): Promise<DeadLetter[]> {
    const { events, unreadable } = readJob(job);
    const missing = await findMissing(events);
    return [...unreadable, ...missing.map((event) => ({ event, reason }))];
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
      await queue.close();
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
