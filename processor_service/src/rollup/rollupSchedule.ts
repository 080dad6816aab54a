import type { EventQueueNames } from '@analytics/shared/eventQueue';
import type { Logger } from '@analytics/shared/logger';
import { createOutageLog } from '@analytics/shared/outageLog';
import { retryUntilDone } from '@analytics/shared/retryUntilDone';
import { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import { TolerantWorker } from '../tolerantWorker.ts';

/** How often ripe buckets are looked for. An hour is rolled up within this and the rest of its mark after it is over. */
const INTERVAL_MS = 30_000;

const JOB_NAME = 'roll-up';

/** A processor that dies leaves its job locked for at most this long; a living one renews the lock. */
const LOCK_DURATION_MS = 30_000;

/** What a stopping worker gives the bucket under way to be finished. It can be cut off anywhere. */
const CLOSE_DEADLINE_MS = 4000;

export interface RollupScheduleOptions extends EventQueueNames {
  /** A connection that waits rather than fails. */
  redis: Redis;
  /** Rolls up whatever is ripe. Ends early when the signal says so. */
  rollUp: (signal: AbortSignal) => Promise<void>;
  logger: Logger;
}

export interface RollupSchedule {
  close(): Promise<void>;
}

/** Has one of all processors roll up what is ripe, now and at every interval. A Redis that refuses is asked again. */
export function startRollupSchedule(options: RollupScheduleOptions): RollupSchedule {
  const { redis, queueName, queuePrefix, rollUp, logger } = options;
  const name = `${queueName}-rollups`;
  const connection = { connection: redis, prefix: queuePrefix, skipVersionCheck: true };
  const outageLog = createOutageLog({ began: 'a rollup failed', ended: 'rollups work again' }, logger);
  const stopping = new AbortController();
  const queue = new Queue(name, connection);
  // Without a listener the process would end. What happens to the connection is its watch's to log.
  queue.on('error', () => {});
  const worker = new TolerantWorker<void>(
    name,
    async () => {
      await rollUp(stopping.signal);
      outageLog.recovered();
    },
    { ...connection, concurrency: 1, lockDuration: LOCK_DURATION_MS, maxStalledCount: 1000 },
  );
  worker.on('error', () => {});
  worker.on('failed', (_job, error) => outageLog.failed(error));
  void setUp();

  async function setUp(): Promise<void> {
    const setUpLog = createOutageLog(
      { began: 'rollups are not scheduled', ended: 'rollups are scheduled' },
      logger,
    );
    const set = async () => {
      await queue.setGlobalConcurrency(1);
      await queue.upsertJobScheduler(
        JOB_NAME,
        { every: INTERVAL_MS },
        { name: JOB_NAME, opts: { removeOnComplete: true, removeOnFail: true } },
      );
    };
    try {
      await retryUntilDone(set, {
        isPassing: () => true,
        onFailure: setUpLog.failed,
        signal: stopping.signal,
      });
      setUpLog.recovered();
    } catch (error) {
      // Stopped before Redis took it; the next processor sets it up.
      if (!stopping.signal.aborted) {
        throw error;
      }
    }
  }

  return {
    close: async () => {
      stopping.abort();
      const deadline = setTimeout(() => worker.disconnect(), CLOSE_DEADLINE_MS);
      await worker.close();
      clearTimeout(deadline);
      await queue.close();
    },
  };
}
