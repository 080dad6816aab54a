import { useTestStack } from '@analytics/local-stack/testing/useTestStack';
import { HOUR_MS } from '@analytics/shared/rollup/buckets';
import { ROLLUP_FORMAT, type RollupCollections } from '@analytics/shared/rollup/rollupCollections';
import { beforeEach, expect, test } from 'vitest';
import { ensureBaseline } from '../../src/rollup/baseline.ts';
import { createEvent } from './rollupPrograms.ts';
import { startRollups } from './startRollups.ts';
import { findWrong } from './wrongRollups.ts';

const { connection, Event, rollups, store, rollUp } = await startRollups(useTestStack());
const { collections } = rollups;
const { signal } = new AbortController();

const PLACES = Array.from({ length: 3 }, (_, index) => ({
  site_id: `site-${index}`,
  startMs: Date.parse('2025-11-12T19:00:00Z') + index * HOUR_MS,
}));

async function rollUpAll(): Promise<void> {
  await collections.marks.updateMany({}, { $set: { ripe_at: new Date(0) } });
  await rollUp();
}

beforeEach(async () => {
  await store.storeEvents(PLACES.map(createEvent));
  await rollUpAll();
  await collections.states.updateOne({ _id: 'baseline' }, { $set: { format: ROLLUP_FORMAT - 1 } });
});

/** The collections of a process that pauses before one of its commands. */
function pauseBefore<Name extends 'rollups' | 'states'>(
  name: Name,
  method: keyof RollupCollections[Name] & string,
  pause: () => Promise<void>,
): RollupCollections {
  const collection = new Proxy(collections[name], {
    get: (target, key) => {
      const value = Reflect.get(target, key) as unknown;
      if (typeof value !== 'function') {
        return value;
      }
      const call = value.bind(target);
      return key === method ? (...args: unknown[]) => pause().then(() => call(...args)) : call;
    },
  });
  return { ...collections, [name]: collection };
}

test.each([
  ['rollups', 'deleteMany'],
  ['states', 'updateOne'],
] as const)(
  'a process that is late to throw the old form away, at %s.%s, and dies, takes nothing of what another has made since',
  async (name, method) => {
    let hasPaused = false;
    const late = pauseBefore(name, method as never, async () => {
      if (!hasPaused) {
        hasPaused = true;
        await rollUp();
        expect(await collections.states.findOne({ _id: 'baseline' })).toMatchObject({
          is_complete: true,
          format: ROLLUP_FORMAT,
        });
      }
    });
    const states = { replaceOne: () => Promise.reject(new Error('it dies')) };
    const dying = new Proxy(late.states, {
      get: (target, key) => Reflect.get(key === 'replaceOne' ? states : target, key),
    });

    await expect(
      ensureBaseline({ ...rollups, collections: { ...late, states: dying } }, signal),
    ).rejects.toThrow('it dies');

    expect(
      await findWrong(
        Event,
        collections,
        PLACES.map((place) => ({ ...place, name: place.site_id })),
      ),
    ).toEqual([]);
    await rollUpAll();
    expect(await collections.states.findOne({ _id: 'baseline' })).toMatchObject({ is_complete: true });
    expect(await collections.sites.countDocuments()).toBe(PLACES.length);
  },
);

test('the old form is thrown away in commands that take little time each, however much there is', async () => {
  const site = await collections.sites.findOne({ _id: 'site-1' });
  const key = {
    site: site?.number ?? -1,
    dimension: 'path',
    granularity: 'hour' as const,
    part: 0,
    chunk: 0,
  };
  await collections.userSets.insertMany(
    Array.from({ length: 4100 }, (_, hour) => ({
      _id: { ...key, start: new Date(hour * HOUR_MS) },
      edition: 1,
      user_sets: [],
    })),
  );
  await connection.db?.setProfilingLevel('all');

  await rollUp();

  await connection.db?.setProfilingLevel('off');
  const removals = await connection.db?.collection('system.profile').find({ op: 'remove' }).toArray();
  const deleted = removals?.map(({ ndeleted }) => Number(ndeleted)) ?? [];
  expect(Math.max(...deleted)).toBeLessThanOrEqual(1000);
  expect(deleted.reduce((sum, count) => sum + count, 0)).toBeGreaterThan(4100);
  expect(await collections.userSets.countDocuments({ edition: 1 })).toBe(0);
});
