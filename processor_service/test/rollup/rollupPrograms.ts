import { createEventId, type EventJob } from '@analytics/shared/event/event';
import type { EventModel } from '@analytics/shared/event/eventModel';
import type { Granularity } from '@analytics/shared/rollup/buckets';
import { createEventStore } from '../../src/events/eventStore.ts';
import type { RollupOutcome } from '../../src/rollup/bucketRoller.ts';
import type { EventMarks } from '../../src/rollup/eventMarks.ts';
import { createMarks, type Marks } from '../../src/rollup/marks.ts';
import { createRoller } from '../../src/rollup/roller.ts';
import type { Rollups } from '../../src/rollup/rollups.ts';
import type { Pause } from './programSteps.ts';

/** A case has an hour of its own, so that many of them run beside each other. */
export interface Place {
  site_id: string;
  startMs: number;
}

/** An event of the place. */
export function createEvent({ site_id, startMs }: Place): EventJob {
  const timestamp = new Date(startMs + 1000).toISOString();
  return { _id: createEventId(), site_id, event_type: 'page_view', path: '/', user_id: 'ann', timestamp };
}

/** The `_id` of the mark of a bucket, as a filter. */
export const ofBucket = (granularity: Granularity, { site_id, startMs }: Place) => ({
  _id: { site_id, granularity, start: new Date(startMs) },
});

export const WRITER_STEPS = 3;
export const COUNTER_STEPS = 6;
export const FOLDER_STEPS = 6;

/** What stores events and rolls them up in a database, as programs that pause before each of their steps. */
export function createRollupPrograms(Event: EventModel, rollups: Rollups) {
  const { collections, marks } = rollups;
  const { signal } = new AbortController();
  /** What became of the buckets that were rolled up. */
  const outcomes = new Set<RollupOutcome>();

  /** Stores an event of the hour: marks, inserts, checks. */
  function writeEvent(place: Place, { markBefore, markAgain }: EventMarks) {
    return async (pause: Pause) => {
      const paused: EventMarks = {
        markAgain,
        markBefore: async (events) => {
          await pause();
          const check = await markBefore(events);
          await pause();
          return async (writtenAt) => {
            await pause();
            await check(writtenAt);
          };
        },
      };
      await createEventStore(Event, paused).storeEvents([createEvent(place)]);
    };
  }

  /** Finds the mark of the hour and numbers an edition, claims, counts, writes, marks the day, clears. */
  function countHour(place: Place) {
    return async (pause: Pause) => {
      let hasLooked = false;
      const editions = {
        findOneAndUpdate: async (...args: Parameters<typeof collections.editions.findOneAndUpdate>) => {
          const begun = await collections.editions.findOneAndUpdate(...args);
          await pause();
          return begun;
        },
      } as typeof collections.editions;
      const { claim } = createMarks({ ...collections, editions });
      const paused: Marks = {
        ...marks,
        findRipe: async (granularity, ...more) => {
          if (granularity !== 'hour' || hasLooked) {
            return [];
          }
          hasLooked = true;
          await pause();
          const ripe = await marks.findRipe(granularity, ...more);
          return ripe.filter(({ _id }) => _id.start.getTime() === place.startMs);
        },
        claim: async (ripe) => {
          const edition = await claim(ripe);
          await pause();
          return edition;
        },
        markParent: (bucket) => pause().then(() => marks.markParent(bucket)),
        clear: (mark, edition) => pause().then(() => marks.clear(mark, edition)),
      };
      const store: typeof rollups.store = {
        ...rollups.store,
        write: (...args) => pause().then(() => rollups.store.write(...args)),
      };
      await createRoller({ ...rollups, marks: paused, store }).rollUpRipe({
        site_id: place.site_id,
        signal,
        onBucket: (_mark, outcome) => outcomes.add(outcome),
      });
    };
  }

  /** Claims the mark of a day, looks for marks inside, adds up, writes, marks the month, clears. */
  function foldDay({ site_id, startMs }: Place) {
    return async (pause: Pause) => {
      let hasLooked = false;
      const paused: Marks = {
        ...marks,
        findRipe: async (granularity) => {
          if (granularity !== 'day' || hasLooked) {
            return [];
          }
          hasLooked = true;
          return collections.marks.find(ofBucket('day', { site_id, startMs })).toArray();
        },
        claim: (ripe) => pause().then(() => marks.claim(ripe)),
        hasMarkInside: (bucket) => pause().then(() => marks.hasMarkInside(bucket)),
        markParent: (bucket) => pause().then(() => marks.markParent(bucket)),
        clear: (mark, edition) => pause().then(() => marks.clear(mark, edition)),
      };
      let hasAddedUp = false;
      const store: typeof rollups.store = {
        ...rollups.store,
        openBuckets: (...args) => {
          const buckets = rollups.store.openBuckets(...args);
          return {
            addUp: async (...some) => {
              if (!hasAddedUp) {
                hasAddedUp = true;
                await pause();
              }
              return buckets.addUp(...some);
            },
          };
        },
        write: (...args) => pause().then(() => rollups.store.write(...args)),
      };
      await createRoller({ ...rollups, marks: paused, store }).rollUpRipe({
        site_id,
        signal,
        onBucket: (_mark, outcome) => outcomes.add(outcome),
      });
    };
  }

  return { outcomes, writeEvent, countHour, foldDay };
}
