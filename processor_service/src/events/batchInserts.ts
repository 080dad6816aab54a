import { createGroupCommit } from '@analytics/shared/async/groupCommit';
import type { EventJob } from '@analytics/shared/event/event';
import { MAX_JOB_EVENTS } from '@analytics/shared/event/eventQueue';
import type { StoreOutcome } from '../database/writeErrors.ts';
import type { EventStore } from './eventStore.ts';

/**
 * Two inserts in flight keep MongoDB busy while the next one is prepared. More only make each one smaller.
 */
const MAX_INSERTS_IN_FLIGHT = 2;

/** MongoDB inserts about this many events efficiently. A single job with more is inserted as a whole. */
const MAX_INSERT_EVENTS = 2 * MAX_JOB_EVENTS;

/**
 * Joins the events of jobs that run at the same time into one insert. An idle worker inserts one job
 * immediately.
 */
export function batchInserts({
  storeEvents,
}: Pick<EventStore, 'storeEvents'>): Pick<EventStore, 'storeEvents'> {
  const groups = createGroupCommit<readonly EventJob[], StoreOutcome[]>({
    write: async (jobs) => {
      // `flat` takes many times as long.
      const outcomes = await storeEvents(([] as EventJob[]).concat(...jobs));
      let start = 0;
      return jobs.map(({ length }) => {
        start += length;
        return outcomes.slice(start - length, start);
      });
    },
    maxInFlight: MAX_INSERTS_IN_FLIGHT,
    maxEagerInFlight: MAX_INSERTS_IN_FLIGHT,
    takeCount: countJobsOfInsert,
  });
  return { storeEvents: groups.submit };
}

function countJobsOfInsert(jobs: readonly (readonly EventJob[])[]): number {
  let events = jobs[0]?.length ?? 0;
  let count = 1;
  for (const { length } of jobs.slice(1)) {
    events += length;
    if (events > MAX_INSERT_EVENTS) {
      break;
    }
    count += 1;
  }
  return count;
}
