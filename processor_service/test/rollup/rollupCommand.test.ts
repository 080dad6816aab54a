import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { useTestStack } from '@analytics/local-stack/testing/useTestStack';
import { createEventId } from '@analytics/shared/event/eventId';
import { expect, test } from 'vitest';
import { startRollups } from './startRollups.ts';

const stack = useTestStack();
const { store, rollups, passTime } = await startRollups(stack);

/** Runs the command from the build. */
async function run(...args: string[]) {
  return promisify(execFile)(process.execPath, ['dist/bin/rollup.js', ...args], {
    cwd: join(import.meta.dirname, '../..'),
    env: { ...process.env, MONGO_URI: stack.MONGO_URI },
  }).catch((error: { code: number; stdout: string; stderr: string }) => error);
}

test('npm run rollup builds rollups, finds an incorrect one and corrects it', {
  timeout: 60_000,
}, async () => {
  const event = { site_id: 'a', event_type: 'page_view', path: '/', user_id: null };
  await store.storeEvents([
    { ...event, _id: createEventId(), timestamp: '2025-11-12T19:30:01Z' },
    { ...event, _id: createEventId(), timestamp: '2025-11-13T19:30:01Z' },
  ]);
  await passTime();

  expect(await run('rebuild')).toMatchObject({ stdout: '5 hours, days and months rolled up.\n' });
  expect(await run('verify')).toMatchObject({
    stdout: '5 hours, days and months compared with the events, 0 differences; 0 not rolled up yet.\n',
  });

  const { collections } = rollups;
  await collections.counts.updateOne(
    { '_id.granularity': 'month', '_id.dimension': 'path' },
    { $set: { views: [3] } },
  );
  expect(await run('verify', '--site', 'a')).toMatchObject({
    code: 1,
    stdout: expect.stringMatching(/^a: the month 2025-11-01 differs in path\n5 hours.* 1 differences; 0 not/),
  });

  expect(await run('rebuild', '--site', 'a', '--from', '2025-11-13', '--to', '2025-11-13')).toMatchObject({
    stdout: '3 hours, days and months rolled up.\n',
  });
  expect('code' in (await run('verify'))).toBe(false);
});

test.each([
  [['--help'], undefined, /verify {4}compares rollups with the events/],
  [[], 1, /npm run rollup -- <command>/],
  [['rebuilt'], 1, /There is no command rebuilt/],
  [['toString'], 1, /There is no command toString/],
  [['rebuild', '--from', '2025-02-30'], 1, /--from 2025-02-30 is not a day/],
  [['rebuild', '--sites', 'a'], 1, /Unknown option '--sites'/],
])('npm run rollup -- %j exits with %s and says what to do', async (args, code, text) => {
  const { stdout, stderr, ...result } = await run(...args);

  expect('code' in result ? result.code : undefined).toBe(code);
  expect(stdout + stderr).toMatch(text);
});
