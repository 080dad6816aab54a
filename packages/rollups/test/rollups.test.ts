import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { readNodeArgs } from '@analytics/local-stack/nodeArgs';
import { useTestStack } from '@analytics/local-stack/testing/useTestStack';
import { waitUntil } from '@analytics/local-stack/testing/waitUntil';
import type { EventJob } from '@analytics/shared/event/event';
import { createEventId } from '@analytics/shared/event/eventId';
import { expect, test } from 'vitest';
import { countTotals, createEvents, startRolledUpReports } from './startRolledUpReports.ts';

const stack = useTestStack();
const { store, rollups, refresh, passTime, readTotals, verifySite } = await startRolledUpReports(stack);

test('while events arrive and hours are refreshed, no answer misses a stored event or counts one twice', async () => {
  const site_id = 'busy';
  const events: EventJob[] = [];
  let begun = 0;
  let isOver = false;
  let answers = 0;

  async function keepStoring(): Promise<void> {
    for (let round = 0; round < 60; round += 1) {
      const some = createEvents(site_id, 20, round);
      begun += some.length;
      await store.storeEvents(some);
      events.push(...some);
      if (round % 6 === 0) {
        await passTime();
      }
    }
    isOver = true;
  }
  async function keepRollingUp(): Promise<void> {
    while (!isOver) {
      await refresh();
    }
  }
  async function keepAsking(): Promise<void> {
    while (!isOver) {
      const stored = events.length;
      const { total_views } = await readTotals(site_id);
      expect(total_views).toBeGreaterThanOrEqual(stored);
      expect(total_views).toBeLessThanOrEqual(begun);
      answers += 1;
    }
  }
  await Promise.all([keepStoring(), keepRollingUp(), keepAsking()]);

  expect(answers).toBeGreaterThan(10);
  expect(await readTotals(site_id)).toEqual(countTotals(events));
  await passTime();
  await refresh();
  expect(await readTotals(site_id)).toEqual(countTotals(events));
  expect(await verifySite(site_id)).toMatchObject({ invalid: 0, differences: [] });
}, 120_000);

test('an event stored in an hour that was counted too early, because a clock stepped ahead, is in every answer', async () => {
  const site_id = 'stepped clock';
  const events = createEvents(site_id, 1, 1);
  const { invalidations } = rollups.collections;
  await store.storeEvents(events);
  await invalidations.updateMany({ '_id.site_id': site_id }, { $set: { due_at: new Date(0) } });
  await refresh();
  expect(await invalidations.countDocuments({ '_id.site_id': site_id })).toBe(0);
  events.push(...events.map((event) => ({ ...event, _id: createEventId(), user_id: 'late' })));

  await store.storeEvents(events);

  expect(await readTotals(site_id)).toEqual(countTotals(events));
  await passTime();
  await refresh();
  expect(await readTotals(site_id)).toEqual(countTotals(events));
  expect(await verifySite(site_id)).toMatchObject({ invalid: 0, differences: [] });
});

function startRebuild(site_id: string): ChildProcess {
  const command = readNodeArgs(join(import.meta.dirname, '../../../processor_service'), 'rollup');
  return spawn(process.execPath, [...command, 'rebuild', '--site', site_id], {
    env: { PATH: process.env['PATH'], MONGO_URI: stack.MONGO_URI },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
}

test('a processor killed in the middle of a rollup changes no answer, and the next one finishes', async () => {
  const site_id = 'killed';
  const events = createEvents(site_id, 5000, 1);
  await store.storeEvents(events);
  await passTime();
  const { invalidations } = rollups.collections;
  const countMarks = () => invalidations.countDocuments({ '_id.site_id': site_id });
  const hours = await countMarks();

  let interrupted = 0;
  for (let killed = 0; killed < 4; killed += 1) {
    const processor = startRebuild(site_id);
    const exited = once(processor, 'exit');
    const marksBefore = await countMarks();
    // It is in the middle once it has begun to take invalidations away, or to make them; each time it gets a
    // bit further.
    const waitForMarks = (isReached: (invalidations: number) => boolean) =>
      waitUntil(
        countMarks,
        (invalidations) => processor.exitCode !== null || isReached(invalidations),
        60_000,
      );
    await waitForMarks((invalidations) => invalidations !== marksBefore);
    await waitForMarks((invalidations) => invalidations <= hours - killed * 30);
    processor.kill('SIGKILL');
    await exited;
    interrupted += (await countMarks()) > 0 ? 1 : 0;
    expect(await readTotals(site_id)).toEqual(countTotals(events));
  }
  expect(interrupted).toBeGreaterThan(1);

  const processor = startRebuild(site_id);
  expect(await once(processor, 'exit')).toEqual([0, null]);

  expect(await readTotals(site_id)).toEqual(countTotals(events));
  expect(await verifySite(site_id)).toMatchObject({ invalid: 0, differences: [] });
}, 120_000);
