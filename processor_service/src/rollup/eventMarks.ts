import { findBucketStart } from '@analytics/shared/rollup/buckets';
import { HOUR_REST_MS, type Marks, type SiteBucket } from './marks.ts';

/** What is left of a mark's rest when it is relied on no more, in milliseconds: clocks may run a little apart. */
const SAFETY_MS = 5000;

/** How much of a mark's rest a write needs before it, in milliseconds: a little more than it may last. */
const NEEDED_MS = 20_000;

/** So many marks are remembered before those that are over are forgotten. */
const MAX_REMEMBERED = 10_000;

export interface MarkedEvent {
  site_id: string;
  timestamp: Date;
}

export interface EventMarks {
  /**
   * Marks the hours of events that are about to be stored, so that no rollup that lacks them is believed, whatever dies from here
   * on. Resolves with what must be called after they are stored: it marks again what may have ripened meanwhile.
   */
  markBefore(events: readonly MarkedEvent[]): Promise<() => Promise<void>>;
}

/**
 * Sees to it that an hour is marked whenever events are stored in it, and asks MongoDB only once in a while. Only time that has
 * passed here since the marking began is relied on, so that no two clocks need to agree. `nowMs` never runs backwards.
 */
export function createEventMarks(
  { markHours }: Pick<Marks, 'markHours'>,
  nowMs: () => number = () => performance.now(),
): EventMarks {
  /** Until when the mark of an hour rests for sure. */
  const restsUntil = new Map<string, number>();

  async function mark(hours: ReadonlyMap<string, SiteBucket>): Promise<void> {
    const startedMs = nowMs();
    await markHours([...hours.values()]);
    if (restsUntil.size > MAX_REMEMBERED) {
      forgetPast(restsUntil, startedMs);
    }
    for (const key of hours.keys()) {
      restsUntil.set(key, startedMs + HOUR_REST_MS - SAFETY_MS);
    }
  }

  /** Those of the hours whose marks may be ripe at a time from now. */
  function findUnsafe(hours: ReadonlyMap<string, SiteBucket>, aheadMs: number): Map<string, SiteBucket> {
    const untilMs = nowMs() + aheadMs;
    return new Map([...hours].filter(([key]) => (restsUntil.get(key) ?? 0) <= untilMs));
  }

  return {
    markBefore: async (events) => {
      const hours = listHours(events);
      const unsafe = findUnsafe(hours, NEEDED_MS);
      if (unsafe.size > 0) {
        await mark(unsafe);
      }
      return async () => {
        const ripened = findUnsafe(hours, 0);
        if (ripened.size > 0) {
          await mark(ripened);
        }
      };
    },
  };
}

/** The hours of events by a name of their own. Events next to each other are often of the same hour. */
function listHours(events: readonly MarkedEvent[]): Map<string, SiteBucket> {
  const hours = new Map<string, SiteBucket>();
  let last: SiteBucket | undefined;
  for (const { site_id, timestamp } of events) {
    const startMs = findBucketStart('hour', timestamp.getTime());
    if (last?.site_id !== site_id || last.startMs !== startMs) {
      last = { site_id, granularity: 'hour', startMs };
      hours.set(`${startMs}/${site_id}`, last);
    }
  }
  return hours;
}

function forgetPast(restsUntil: Map<string, number>, nowMs: number): void {
  for (const [key, untilMs] of restsUntil) {
    if (untilMs <= nowMs) {
      restsUntil.delete(key);
    }
  }
}
