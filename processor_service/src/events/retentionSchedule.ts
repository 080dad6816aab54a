import { DAY_MS, HOUR_MS } from '@analytics/rollups/calendar';
import { repeatEvery } from '@analytics/shared/async/repeatEvery';
import type { DependencyWatch } from '@analytics/shared/service/dependencyWatch';
import type { Logger } from '@analytics/shared/service/logger';
import { createOutageLog } from '@analytics/shared/service/outageLog';
import type { SiteStore } from '@analytics/sites/siteStore';
import { type DailyLease, LEASE_MS } from '../database/dailyLease.ts';
import { type DeleteExpiredOptions, deleteExpired, type ExpiredEvents, listExpired } from './retention.ts';

/** How often to look whether the retention is due (ms). */
const LOOK_INTERVAL_MS = 60_000;

export interface RetentionScheduleOptions extends Pick<DeleteExpiredOptions, 'Event' | 'invalidator'> {
  /** The quiet hour, in UTC. */
  hour: number;
  sites: Pick<SiteStore, 'list'>;
  lease: DailyLease;
  mongoWatch: Pick<DependencyWatch, 'isUp' | 'whileUp'>;
  /** Gets the deleted events of each batch. */
  onExpired: (deleted: number) => void;
  logger: Pick<Logger, 'info' | 'warn'>;
  now?: () => number;
  intervalMs?: number;
}

export interface RetentionSchedule {
  /** Resolves after the current batch. */
  close(): Promise<void>;
}

/**
 * Deletes the expired events of all sites once a day, in one of all processors. A run begins in the quiet
 * hour, or at any time if a whole day was missed. One that was stopped or failed is continued by the next.
 */
export function startRetentionSchedule(options: RetentionScheduleOptions): RetentionSchedule {
  const { hour, lease, mongoWatch, logger, now = Date.now, intervalMs = LOOK_INTERVAL_MS } = options;
  const log = createOutageLog(
    { began: 'cannot delete the events that are older than sites keep them', ended: 'retention works again' },
    logger,
  );

  async function look(signal: AbortSignal): Promise<void> {
    const nowMs = now();
    const { dueMs, claimMs } = findDue(hour, nowMs);
    if (!(await lease.claim(new Date(claimMs)))) {
      return;
    }
    const isComplete = await deleteUnderLease(options, nowMs, signal);
    await lease.release(isComplete ? new Date(dueMs) : undefined);
  }

  const looking = repeatEvery(intervalMs, async (signal) => {
    const ending = new AbortController();
    try {
      // A stop must not wait for a MongoDB that hangs.
      await mongoWatch.whileUp(() => look(AbortSignal.any([signal, ending.signal])));
      log.recovered();
    } catch (error) {
      // The watch over MongoDB logs that it is away.
      if (mongoWatch.isUp) {
        log.failed(error as Error);
      }
    } finally {
      // If MongoDB went away, the run would otherwise continue on its return.
      ending.abort();
    }
  });
  return { close: () => looking.stop() };
}

/**
 * Finds when the last run was due, and for which time it must not be done yet so that a run may begin now:
 * outside the quiet hour, only if the run before that one is missing, too.
 */
export function findDue(hour: number, nowMs: number): { dueMs: number; claimMs: number } {
  const offsetMs = hour * HOUR_MS;
  const dueMs = Math.floor((nowMs - offsetMs) / DAY_MS) * DAY_MS + offsetMs;
  const isQuietHour = nowMs < dueMs + HOUR_MS;
  return { dueMs, claimMs: isQuietHour ? dueMs : dueMs - DAY_MS };
}

/** Resolves with whether everything is deleted. A lost lease ends the run after the current batch. */
async function deleteUnderLease(
  { Event, sites, invalidator, lease, onExpired, logger }: RetentionScheduleOptions,
  nowMs: number,
  signal: AbortSignal,
): Promise<boolean> {
  const lost = new AbortController();
  // Two runs at once would do no harm: each event is deleted and counted once.
  const renewal = repeatEvery(LEASE_MS / 3, async () => {
    const isHeld = await lease.renew().catch(() => false);
    if (!isHeld) {
      lost.abort();
    }
  });
  const onSite = ({ site_id, retention_days, selection }: ExpiredEvents, deleted: number) =>
    logger.info(
      { site_id, retention_days, before: selection.until.toISOString(), deleted },
      'deleted the events that are older than the site keeps them',
    );
  const ends = AbortSignal.any([signal, lost.signal]);
  try {
    const expired = await listExpired(sites, nowMs);
    await deleteExpired(expired, { Event, invalidator, onBatch: onExpired, onSite, signal: ends });
    return !ends.aborted;
  } finally {
    await renewal.stop();
  }
}
