import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { useTestStack } from '@analytics/local-stack/testing/useTestStack';
import { readFreshness } from '@analytics/rollups/freshness';
import { createEventId } from '@analytics/shared/event/eventId';
import { expect, test } from 'vitest';
import { deleteSelected } from '../../src/events/deleteEvents.ts';
import { createWriteInvalidator } from '../../src/events/writeInvalidator.ts';
import { verify } from '../../src/rollup/verify.ts';
import { startRollups } from '../rollup/startRollups.ts';

const stack = useTestStack();
const { Event, store, rollups, refresh, passTime } = await startRollups(stack);
const DAY = { startMs: Date.parse('2025-11-12T00:00:00Z'), endMs: Date.parse('2025-11-13T00:00:00Z') };
const FIRST_HOUR = { granularity: 'hour', startMs: DAY.startMs } as const;

/** A day of a site: `perHour` events in each of three hours, by ann and bob in turns. */
async function storeDay(site_id: string, perHour: number): Promise<void> {
  const events = [0, 1, 2].flatMap((hour) =>
    Array.from({ length: perHour }, (_, index) => ({
      _id: createEventId(),
      site_id,
      event_type: 'page_view',
      path: '/',
      user_id: index % 2 ? 'ann' : 'bob',
      timestamp: new Date(DAY.startMs + hour * 3_600_000 + index).toISOString(),
    })),
  );
  await store.storeEvents(events);
  await passTime();
  await refresh();
}

const isFresh = async (site_id: string) =>
  (await readFreshness(rollups.collections, site_id, DAY, () => {}))?.isFresh(FIRST_HOUR);

const verifyDay = async (site_id: string) => verify(rollups, { site_id, ...DAY }, () => {});

test('only the selected events are deleted, and no fresh rollup contains them at any moment', async () => {
  await storeDay('a', 1000);
  await storeDay('b', 2);
  expect([await isFresh('a'), await isFresh('b')]).toEqual([true, true]);

  const selection = {
    site_id: 'a',
    until: new Date(DAY.startMs + 7_200_000),
    user_id: 'ann',
    storedBy: new Date(),
  };
  const progress: number[] = [];
  let wasFresh = false;
  const invalidator = createWriteInvalidator(rollups.invalidations);
  const deleted = await deleteSelected(
    Event,
    {
      invalidate: async (events) => {
        const check = await invalidator.invalidate(events);
        wasFresh ||= Boolean(await isFresh('a'));
        return check;
      },
    },
    selection,
    (soFar) => progress.push(soFar),
  );

  expect([deleted, progress, wasFresh]).toEqual([1000, [1000], false]);
  expect(await Event.countDocuments({ site_id: 'a', user_id: 'ann' })).toBe(500);
  expect(await Event.countDocuments({ site_id: 'a', user_id: 'bob' })).toBe(1500);
  expect(await isFresh('a')).toBe(false);

  await passTime();
  await refresh();
  expect([await isFresh('a'), await isFresh('b')]).toEqual([true, true]);
  expect((await verifyDay('a')).differences).toEqual([]);
});

test('the rollups of a site without events are gone, too', async () => {
  await storeDay('c', 3);
  await deleteSelected(
    Event,
    createWriteInvalidator(rollups.invalidations),
    { site_id: 'c', storedBy: new Date() },
    () => {},
  );
  await passTime();
  await refresh();

  const site = await rollups.collections.siteCodes.findOne({ _id: 'c' });
  const documents = await rollups.collections.counts.find({ '_id.site': site?.code ?? -1 }).toArray();
  expect(documents.flatMap(({ views }) => views)).toEqual([]);
});

test('an event that is stored after the count stays', async () => {
  await storeDay('d', 1);
  const selection = { site_id: 'd', storedBy: new Date(Date.now() - 60_000) };
  expect(
    await deleteSelected(Event, createWriteInvalidator(rollups.invalidations), selection, () => {}),
  ).toBe(0);
});

/** Runs the command from the build in a process of its own, without a terminal. */
function run(...args: string[]): Promise<{ code: number; stdout: string; stderr: string }> {
  const command = ['dist/bin/events.js', ...args];
  const options = {
    cwd: join(import.meta.dirname, '../..'),
    env: { PATH: process.env['PATH'], MONGO_URI: stack.MONGO_URI },
  };
  return new Promise((resolve) => {
    execFile(process.execPath, command, options, (error, stdout, stderr) =>
      resolve({ code: Number(error?.code ?? 0), stdout, stderr }),
    );
  });
}

test('npm run events -- delete counts, asks and deletes', { timeout: 30_000 }, async () => {
  await storeDay('e', 2);

  expect(await run('delete', '--site', 'e', '--to', '2025-11-11')).toMatchObject({
    code: 0,
    stdout: 'The site e has no such event.\n',
  });
  expect(await run('delete', '--site', 'e')).toMatchObject({
    code: 1,
    stdout: "Delete 6 events of the site e? It can't be undone. Add --yes to do it.\n",
  });
  expect(await Event.countDocuments({ site_id: 'e' })).toBe(6);
  expect((await run('delete', '--site', 'e', '--user', 'bob', '--yes')).stdout).toContain(
    'Deleted 3 events.',
  );
  expect(await Event.countDocuments({ site_id: 'e' })).toBe(3);
});

test.each([
  [['delete'], 'The command needs --site.'],
  [['remove', '--site', 'e'], 'There is no command remove.'],
  [['delete', '--site', 'e', '--from', '2025-02-30'], '--from 2025-02-30 is not a day.'],
])('npm run events -- %j fails and says what to do', async (args, message) => {
  expect(await run(...args)).toMatchObject({ code: 1, stderr: expect.stringContaining(message) });
});
