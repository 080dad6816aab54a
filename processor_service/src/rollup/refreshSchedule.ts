import { keepTrying } from '@analytics/shared/async/keepTrying';
import { repeatEvery } from '@analytics/shared/async/repeatEvery';
import type { EventQueueNames } from '@analytics/shared/event/eventQueue';
import type { DependencyWatch } from '@analytics/shared/service/dependencyWatch';
import type { Logger } from '@analytics/shared/service/logger';
import { createOutageLog } from '@analytics/shared/service/outageLog';
import { Queue } from 'bullmq';
import type { Redis } from 'ioredis';
import { LenientWorker } from '../queue/lenientWorker.ts';

/** How often due buckets are refreshed (ms). An hour is refreshed within this time after its lease ends. */
const INTERVAL_MS = 30_000;

const JOB_NAME = 'roll-up';

/** A dead processor's job stays locked this long (ms); live processors renew the lock. */
const LOCK_DURATION_MS = 30_000;

/** How long a stopping worker waits for the current bucket (ms). A refresh can be interrupted anywhere. */
const CLOSE_DEADLINE_MS = 4000;

export interface RefreshScheduleOptions extends EventQueueNames {
  /** A connection whose commands wait for Redis instead of failing. */
  redis: Redis;
  /** Knows whether that Redis answers. */
  redisWatch: Pick<DependencyWatch, 'isUp'>;
  /** Refreshes every bucket that is due. Ends early when the signal aborts. */
  refresh: (signal: AbortSignal) => Promise<void>;
  logger: Logger;
  /** The pause between two refreshes, in milliseconds. */
  intervalMs?: number;
}

export interface RefreshSchedule {
  close(): Promise<void>;
}

/**
 * Refreshes the due buckets in one of all processors, now and at every interval.
 *
 * The schedule and its limit of one job at a time are only in Redis, which may be flushed or replaced by an
 * empty one. So each processor writes them at each interval and at each new connection. Writing them again
 * changes nothing.
 */
export function startRefreshSchedule(options: RefreshScheduleOptions): RefreshSchedule {
  const { redis, redisWatch, queueName, queuePrefix, refresh, logger, intervalMs = INTERVAL_MS } = options;
  const name = `${queueName}-rollups`;
  const connection = { connection: redis, prefix: queuePrefix, skipVersionCheck: true };
  const outageLog = createOutageLog({ began: 'a rollup failed', ended: 'rollups work again' }, logger);
  const stopping = new AbortController();
  const queue = new Queue(name, connection);
  // Without a listener the process would end. The watch over the connection logs its errors.
  queue.on('error', () => {});
  const worker = new LenientWorker<void>(
    name,
    async () => {
      await refresh(stopping.signal);
      outageLog.recovered();
    },
    { ...connection, concurrency: 1, lockDuration: LOCK_DURATION_MS, maxStalledCount: 1000 },
  );
  worker.on('failed', (_job, error) => outageLog.failed(error));
  const setUpLog = createOutageLog(
    { began: 'rollups are not scheduled', ended: 'rollups are scheduled' },
    logger,
  );
  const scheduling = repeatEvery(intervalMs, async (signal) => {
    // If it stops before Redis answers, the next processor writes the schedule.
    await keepTrying(schedule, { log: setUpLog, signal });
  });
  redis.on('ready', scheduling.runNow);

  async function schedule(): Promise<void> {
    await queue.setGlobalConcurrency(1);
    await queue.upsertJobScheduler(
      JOB_NAME,
      { every: intervalMs },
      { name: JOB_NAME, opts: { removeOnComplete: true, removeOnFail: true } },
    );
  }

  return {
    close: async () => {
      stopping.abort();
      void scheduling.stop();
      redis.off('ready', scheduling.runNow);
      // Without Redis nothing can be finished.
      const deadline = setTimeout(() => worker.disconnect(), redisWatch.isUp ? CLOSE_DEADLINE_MS : 0);
      await worker.close(!redisWatch.isUp);
      clearTimeout(deadline);
      await queue.close();
    },
  };
}
