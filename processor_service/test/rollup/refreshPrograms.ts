import type { Granularity } from '@analytics/rollups/calendar';
import { createInvalidations, type Invalidations } from '@analytics/rollups/invalidations';
import type { EventJob } from '@analytics/shared/event/event';
import { createEventId } from '@analytics/shared/event/eventId';
import type { EventModel } from '@analytics/shared/event/eventModel';
import { createEventStore } from '../../src/events/eventStore.ts';
import type { WriteInvalidator } from '../../src/events/writeInvalidator.ts';
import type { RefreshOutcome } from '../../src/rollup/bucketBuilder.ts';
import type { CountsWriter } from '../../src/rollup/countsWriter.ts';
import type { OpenBuckets } from '../../src/rollup/mergeBuckets.ts';
import { createRefresher } from '../../src/rollup/refresher.ts';
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

/** The `_id` of the invalidation of a bucket, as a filter. */
export const ofBucket = (granularity: Granularity, { site_id, startMs }: Place) => ({
  _id: { site_id, granularity, start: new Date(startMs) },
});

export const WRITER_STEPS = 3;
export const COUNTER_STEPS = 6;
export const MERGER_STEPS = 6;

/** The programs that store events and refresh rollups. They pause before each of their steps. */
export function createRefreshPrograms(Event: EventModel, rollups: Rollups) {
  const { collections, invalidations } = rollups;
  const { signal } = new AbortController();
  /** The outcomes of all refreshed buckets. */
  const outcomes = new Set<RefreshOutcome>();

  /** Stores an event of the hour: invalidates, inserts, checks. */
  function writeEvent(place: Place, { invalidate, invalidateAgain }: WriteInvalidator) {
    return async (pause: Pause) => {
      const paused: WriteInvalidator = {
        invalidateAgain,
        invalidate: async (events) => {
          await pause();
          const check = await invalidate(events);
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

  /** Finds the invalid hour and begins a version, claims, counts, writes, invalidates the day, resolves. */
  function countHour(place: Place) {
    return async (pause: Pause) => {
      let hasLooked = false;
      const versions = {
        findOneAndUpdate: async (...args: Parameters<typeof collections.versions.findOneAndUpdate>) => {
          const begun = await collections.versions.findOneAndUpdate(...args);
          await pause();
          return begun;
        },
      } as typeof collections.versions;
      const { claim } = createInvalidations({ ...collections, versions });
      const paused: Invalidations = {
        ...invalidations,
        findDue: async (granularity, ...more) => {
          if (granularity !== 'hour' || hasLooked) {
            return [];
          }
          hasLooked = true;
          await pause();
          const due = await invalidations.findDue(granularity, ...more);
          return due.filter(({ _id }) => _id.start.getTime() === place.startMs);
        },
        claim: async (due) => {
          const version = await claim(due);
          await pause();
          return version;
        },
        invalidateParent: (bucket) => pause().then(() => invalidations.invalidateParent(bucket)),
        resolve: (invalidation, version) => pause().then(() => invalidations.resolve(invalidation, version)),
      };
      const writer: CountsWriter = {
        ...rollups.writer,
        write: (...args) => pause().then(() => rollups.writer.write(...args)),
      };
      await createRefresher({ ...rollups, invalidations: paused, writer }).refreshDue({
        site_id: place.site_id,
        signal,
        onBucket: (_bucket, outcome) => outcomes.add(outcome),
      });
    };
  }

  /**
   * Claims an invalid day, looks for invalidations inside, merges, writes, invalidates the month, resolves.
   */
  function mergeDay({ site_id, startMs }: Place) {
    return async (pause: Pause) => {
      let hasLooked = false;
      const paused: Invalidations = {
        ...invalidations,
        findDue: async (granularity) => {
          if (granularity !== 'day' || hasLooked) {
            return [];
          }
          hasLooked = true;
          return collections.invalidations.find(ofBucket('day', { site_id, startMs })).toArray();
        },
        claim: (due) => pause().then(() => invalidations.claim(due)),
        hasInvalidationInside: (bucket) => pause().then(() => invalidations.hasInvalidationInside(bucket)),
        invalidateParent: (bucket) => pause().then(() => invalidations.invalidateParent(bucket)),
        resolve: (invalidation, version) => pause().then(() => invalidations.resolve(invalidation, version)),
      };
      let hasMerged = false;
      const openBuckets: OpenBuckets = (...args) => {
        const buckets = rollups.openBuckets(...args);
        return {
          merge: async (...some) => {
            if (!hasMerged) {
              hasMerged = true;
              await pause();
            }
            return buckets.merge(...some);
          },
        };
      };
      const writer: CountsWriter = {
        ...rollups.writer,
        write: (...args) => pause().then(() => rollups.writer.write(...args)),
      };
      await createRefresher({ ...rollups, invalidations: paused, openBuckets, writer }).refreshDue({
        site_id,
        signal,
        onBucket: (_bucket, outcome) => outcomes.add(outcome),
      });
    };
  }

  return { outcomes, writeEvent, countHour, mergeDay };
}
