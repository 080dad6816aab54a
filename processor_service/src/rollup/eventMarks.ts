import { findBucketStart } from '@analytics/shared/rollup/buckets';
import type { mongo } from 'mongoose';
import { HOUR_REST_MS, type Marks, type SiteBucket } from './marks.ts';

/** Mark again before a write if the mark rests for less than this (ms). A write seldom takes longer. */
const NEEDED_MS = 25_000;

/** Past this many marks, those whose rest is over are forgotten. */
const MAX_REMEMBERED = 10_000;

export interface MarkedEvent {
  site_id: string;
  timestamp: Date;
}

export interface EventMarks {
  /**
   * Marks the hours of events that are about to be stored, so that reports do not use a rollup without them.
   * Resolves with a check that must follow the insert: it marks every hour again that may have been counted
   * without the events. The insert counts as done only after the check. Pass it the insert's operation time,
   * if the server told one.
   */
  markBefore(events: readonly MarkedEvent[]): Promise<CheckMarks>;
  /** Marks the hours of events that are stored already, in case their writer ended before its check. */
  markAgain(events: readonly MarkedEvent[]): Promise<void>;
}

export type CheckMarks = (writtenAt?: mongo.Timestamp) => Promise<void>;

/**
 * Keeps hours marked while events are stored in them. The check finds a mark without a claim, or makes one: a
 * roller that clears the mark claims it later, and so counts what was inserted before. This depends on no
 * clock. The mark before the insert keeps answers exact in the meantime. It is not repeated while it rests by
 * `nowMs`, a monotonic clock.
 */
export function createEventMarks(
  { markHours, findCounted }: Pick<Marks, 'markHours' | 'findCounted'>,
  nowMs: () => number = () => performance.now(),
): EventMarks {
  /** When the rest of each hour's mark ends, in the order of marking. */
  const restsUntil = new Map<string, number>();

  async function mark(hours: readonly SiteBucket[]): Promise<void> {
    if (hours.length === 0) {
      return;
    }
    const startedMs = nowMs();
    await markHours(hours);
    for (const hour of hours) {
      const key = toKey(hour);
      restsUntil.delete(key);
      restsUntil.set(key, startedMs + HOUR_REST_MS);
    }
    forgetPast(restsUntil, startedMs);
  }

  function rests(hour: SiteBucket): boolean {
    return (restsUntil.get(toKey(hour)) ?? 0) > nowMs() + NEEDED_MS;
  }

  return {
    markBefore: async (events) => {
      const hours = listHours(events);
      await mark(hours.filter((hour) => !rests(hour)));
      return async (writtenAt) => mark(await findCounted(hours, writtenAt));
    },
    markAgain: (events) => mark(listHours(events)),
  };
}

function toKey({ site_id, startMs }: SiteBucket): string {
  return `${startMs}/${site_id}`;
}

/** The hours of events, each once. Events next to each other are often of the same hour. */
function listHours(events: readonly MarkedEvent[]): SiteBucket[] {
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

function forgetPast(restsUntil: Map<string, number>, nowMs: number): void {
  for (const [key, untilMs] of restsUntil) {
    if (restsUntil.size <= MAX_REMEMBERED || untilMs > nowMs) {
      return;
    }
    restsUntil.delete(key);
  }
}
