import { findBucketStart } from '@analytics/shared/rollup/buckets';
import type { mongo } from 'mongoose';
import { HOUR_REST_MS, type Marks, type SiteBucket } from './marks.ts';

/** How much of a mark's rest a write needs, in milliseconds: more than a write may take. */
const NEEDED_MS = 25_000;

/** Past this many marks, those whose rest is over are forgotten. */
const MAX_REMEMBERED = 10_000;

export interface MarkedEvent {
  site_id: string;
  timestamp: Date;
}

export interface EventMarks {
  /**
   * Marks the hours of events that are about to be stored, so that no rollup that lacks them is believed. Resolves with the check
   * that must follow the insert, before it counts as done: it marks again every hour that may have been counted without the events.
   * The check takes the insert's operation time, which a standalone server does not tell.
   */
  markBefore(events: readonly MarkedEvent[]): Promise<CheckMarks>;
  /** Marks the hours of events that were found stored, by a writer that may have ended before its check. */
  markAgain(events: readonly MarkedEvent[]): Promise<void>;
}

export type CheckMarks = (writtenAt?: mongo.Timestamp) => Promise<void>;

/**
 * Sees to it that every hour is marked once events were stored in it. The check finds a mark that nobody has claimed, so whoever
 * takes it away claims it later, and counts what was inserted before. It depends on no clock. That an hour is marked before the insert
 * keeps answers exact in the meantime; marks that rest for long enough by `nowMs`, which never runs backwards, are not made again.
 */
export function createEventMarks(
  { markHours, findCounted }: Pick<Marks, 'markHours' | 'findCounted'>,
  nowMs: () => number = () => performance.now(),
): EventMarks {
  /** Until when the mark of an hour rests; the earliest first. */
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
