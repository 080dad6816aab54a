import { useTestStack } from '@analytics/local-stack/testing/useTestStack';
import { HOUR_MS } from '@analytics/rollups/calendar';
import { ROLLUP_FORMAT, type RollupCollections } from '@analytics/rollups/documents';
import { beforeEach, expect, test } from 'vitest';
import { ensureBackfill } from '../../src/rollup/backfill.ts';
import { discardSites } from '../../src/rollup/discardSites.ts';
import { createEvent } from './refreshPrograms.ts';
import { startRollups } from './startRollups.ts';
import { findWrong } from './wrongRollups.ts';

const { connection, Event, rollups, store, refresh } = await startRollups(useTestStack());
const { collections } = rollups;
const { signal } = new AbortController();

const PLACES = Array.from({ length: 3 }, (_, index) => ({
  site_id: `site-${index}`,
  startMs: Date.parse('2025-11-12T19:00:00Z') + index * HOUR_MS,
}));

async function rollUpAll(): Promise<void> {
  await collections.invalidations.updateMany({}, { $set: { due_at: new Date(0) } });
  await refresh();
}

beforeEach(async () => {
  await store.storeEvents(PLACES.map(createEvent));
  await rollUpAll();
  await collections.meta.updateOne({ _id: 'backfill' }, { $set: { format: ROLLUP_FORMAT - 1 } });
});

/** The collections of a process that pauses before one of its commands. */
function pauseBefore<Name extends 'counts' | 'meta'>(
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
  ['counts', 'deleteMany'],
  ['meta', 'updateOne'],
] as const)(
  'a late process that discards the former format, at %s.%s, and dies, deletes nothing that another has built since',
  async (name, method) => {
    let hasPaused = false;
    const late = pauseBefore(name, method as never, async () => {
      if (!hasPaused) {
        hasPaused = true;
        await refresh();
        expect(await collections.meta.findOne({ _id: 'backfill' })).toMatchObject({
          is_complete: true,
          format: ROLLUP_FORMAT,
        });
      }
    });
    const meta = { replaceOne: () => Promise.reject(new Error('it dies')) };
    const dying = new Proxy(late.meta, {
      get: (target, key) => Reflect.get(key === 'replaceOne' ? meta : target, key),
    });

    await expect(
      ensureBackfill({ ...rollups, collections: { ...late, meta: dying } }, signal),
    ).rejects.toThrow('it dies');

    expect(
      await findWrong(
        Event,
        collections,
        PLACES.map((place) => ({ ...place, name: place.site_id })),
      ),
    ).toEqual([]);
    await rollUpAll();
    expect(await collections.meta.findOne({ _id: 'backfill' })).toMatchObject({ is_complete: true });
    expect(await collections.siteCodes.countDocuments()).toBe(PLACES.length);
  },
);

test('only the rollups of the given sites are discarded, also if their codes are far apart', async () => {
  const toDocument = (site: number) => ({
    _id: { site, dimension: 'path', granularity: 'hour' as const, start: new Date(0), part: 0, chunk: 0 },
    version: 1,
    user_bitmaps: [],
  });
  // Two processes that begin with an empty collection choose two random codes.
  await collections.userBitmaps.insertMany([2_000_000_001, 2_000_000_500, 2_000_001_000].map(toDocument));

  await discardSites(collections, [2_000_000_001, 2_000_001_000]);

  const left = await collections.userBitmaps.find({ '_id.site': { $gt: 2_000_000_000 } }).toArray();
  expect(left.map(({ _id }) => _id.site)).toEqual([2_000_000_500]);
  await collections.userBitmaps.deleteMany({ '_id.site': { $gt: 2_000_000_000 } });
});

test('the former format is discarded in short commands, however large it is', async () => {
  const site = await collections.siteCodes.findOne({ _id: 'site-1' });
  const key = {
    site: site?.code ?? -1,
    dimension: 'path',
    granularity: 'hour' as const,
    part: 0,
    chunk: 0,
  };
  await collections.userBitmaps.insertMany(
    Array.from({ length: 4100 }, (_, hour) => ({
      _id: { ...key, start: new Date(hour * HOUR_MS) },
      version: 1,
      user_bitmaps: [],
    })),
  );
  await connection.db?.setProfilingLevel('all');

  await refresh();

  await connection.db?.setProfilingLevel('off');
  const removals = await connection.db?.collection('system.profile').find({ op: 'remove' }).toArray();
  const deleted = removals?.map(({ ndeleted }) => Number(ndeleted)) ?? [];
  expect(Math.max(...deleted)).toBeLessThanOrEqual(1000);
  expect(deleted.reduce((sum, count) => sum + count, 0)).toBeGreaterThan(4100);
  expect(await collections.userBitmaps.countDocuments({ version: 1 })).toBe(0);
});
