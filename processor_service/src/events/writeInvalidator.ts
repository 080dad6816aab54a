import { findBucketStart } from '@analytics/rollups/calendar';
import { type Invalidations, WRITE_LEASE_MS } from '@analytics/rollups/invalidations';
import type { SiteBucket } from '@analytics/rollups/keys';
import type { mongo } from 'mongoose';

/** Renew a lease that has less than this left (ms). A write seldom takes longer. */
const MIN_LEASE_LEFT_MS = 25_000;

/** Forget expired leases once there are more than this many. */
const MAX_LEASES = 10_000;

interface EventTime {
  site_id: string;
  timestamp: Date;
}

export interface WriteInvalidator {
  /**
   * Invalidates the hours of events before they are stored, so that reports do not use a rollup without them.
   * Resolves with a check that must follow the insert: it invalidates again each hour that may have been
   * counted without the events. The insert counts as done only after the check. Pass the check the insert's
   * operation time, if the server returned one.
   */
  invalidate(events: readonly EventTime[]): Promise<CheckAfterWrite>;
  /** Invalidates the hours of events that are already stored, in case their writer ended before its check. */
  invalidateAgain(events: readonly EventTime[]): Promise<void>;
}

type CheckAfterWrite = (writtenAt?: mongo.Timestamp) => Promise<void>;

/**
 * Keeps hours invalid while events are stored in them. The check finds an invalidation without a claim, or
 * makes one. A refresh that resolves it claims it later, and so counts the events that were inserted before.
 * This depends on no clock. The invalidation before the insert keeps answers exact in the meantime. It is not
 * repeated while its lease lasts by `nowMs`, a monotonic clock.
 */
export function createWriteInvalidator(
  { invalidateHours, findPossiblyCounted }: Pick<Invalidations, 'invalidateHours' | 'findPossiblyCounted'>,
  nowMs: () => number = () => performance.now(),
): WriteInvalidator {
  /** When the lease of each hour ends, in the order of invalidation. */
  const leasedUntilMs = new Map<string, number>();

  async function invalidate(hours: readonly SiteBucket[]): Promise<void> {
    if (hours.length === 0) {
      return;
    }
    const startedMs = nowMs();
    await invalidateHours(hours);
    for (const hour of hours) {
      const key = toKey(hour);
      leasedUntilMs.delete(key);
      leasedUntilMs.set(key, startedMs + WRITE_LEASE_MS);
    }
    forgetExpired(leasedUntilMs, startedMs);
  }

  function hasLease(hour: SiteBucket): boolean {
    return (leasedUntilMs.get(toKey(hour)) ?? 0) > nowMs() + MIN_LEASE_LEFT_MS;
  }

  return {
    invalidate: async (events) => {
      const hours = listHours(events);
      await invalidate(hours.filter((hour) => !hasLease(hour)));
      return async (writtenAt) => invalidate(await findPossiblyCounted(hours, writtenAt));
    },
    invalidateAgain: (events) => invalidate(listHours(events)),
  };
}

function toKey({ site_id, startMs }: SiteBucket): string {
  return `${startMs}/${site_id}`;
}

/** The hours of events, each once. Consecutive events are often of the same hour. */
function listHours(events: readonly EventTime[]): SiteBucket[] {
  const hours = new Map<string, SiteBucket>();
  let last: SiteBucket | undefined;
  for (const { site_id, timestamp } of events) {
    const startMs = findBucketStart('hour', timestamp.getTime());
    if (last?.site_id !== site_id || last.startMs !== startMs) {
      last = { site_id, granularity: 'hour', startMs };
      hours.set(toKey(last), last);
    }
  }
  return [...hours.values()];
}

function forgetExpired(leasedUntilMs: Map<string, number>, nowMs: number): void {
  for (const [key, untilMs] of leasedUntilMs) {
    if (leasedUntilMs.size <= MAX_LEASES || untilMs > nowMs) {
      return;
    }
    leasedUntilMs.delete(key);
  }
}
