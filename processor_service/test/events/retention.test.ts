import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { useTestStack } from '@analytics/local-stack/testing/useTestStack';
import { createEventId } from '@analytics/shared/event/eventId';
import { createSiteStore } from '@analytics/sites/siteStore';
import type { mongo } from 'mongoose';
import request from 'supertest';
import { expect, test } from 'vitest';
import { startApp } from '../../../reporting_service/test/startApp.ts';
import { deleteExpired, listExpired } from '../../src/events/retention.ts';
import { createWriteInvalidator } from '../../src/events/writeInvalidator.ts';
import { startRollups } from '../rollup/startRollups.ts';

const stack = useTestStack();
const { app } = await startApp(stack);
const { connection, Event, store, rollups, refresh, passTime } = await startRollups(stack);
const sites = createSiteStore(() => connection.db as mongo.Db);
const invalidator = createWriteInvalidator(rollups.invalidations);
const DAY_MS = 86_400_000;
const TODAY_MS = Math.floor(Date.now() / DAY_MS) * DAY_MS;

/** Stores `perDay` events of a site at the start and the end of each day, given as days before today. */
async function storeDays(site_id: string, daysAgo: number[], perDay: number): Promise<void> {
  const events = daysAgo.flatMap((days) =>
    Array.from({ length: perDay }, (_, index) => ({
      _id: createEventId(),
      site_id,
      event_type: 'page_view',
      path: `/${days}`,
      user_id: `user-${days}-${index}`,
      timestamp: new Date(TODAY_MS - days * DAY_MS + (index % 2 ? DAY_MS - 1 : 0)).toISOString(),
    })),
  );
  await store.storeEvents(events);
  await passTime();
  await refresh();
}

const readStats = async (site_id: string) => (await request(app).get('/stats').query({ site_id })).body;

/** What `GET /stats` must answer: a plain count of the stored events. */
async function countPlainly(site_id: string) {
  const events = await Event.find({ site_id }).lean();
  const views = new Map<string, number>();
  for (const { path } of events) {
    views.set(path, (views.get(path) ?? 0) + 1);
  }
  const top_paths = [...views].map(([path, count]) => ({ path, views: count }));
  top_paths.sort((a, b) => b.views - a.views || (a.path < b.path ? -1 : 1));
  const unique_users = new Set(events.map(({ user_id }) => user_id)).size;
  return { site_id, date: null, total_views: events.length, unique_users, top_paths };
}

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

test('retention can stop in the middle and continue, and no report includes a deleted event', async () => {
  await sites.add({ id: 'a', retention_days: 2 });
  await sites.add({ id: 'b' });
  await storeDays('a', [0, 2], 3);
  await storeDays('a', [3, 9], 700);
  await storeDays('b', [9], 2);
  expect((await readStats('a')).total_views).toBe(1406);

  const stopping = new AbortController();
  const batches: number[] = [];
  const lines: [string, number][] = [];
  const options = {
    Event,
    invalidator,
    onBatch: (deleted: number) => {
      batches.push(deleted);
      stopping.abort();
    },
    onSite: ({ site_id }: { site_id: string }, deleted: number) => lines.push([site_id, deleted]),
  };
  const expired = await listExpired(sites, Date.now());
  expect(await deleteExpired(expired, { ...options, signal: stopping.signal })).toBe(1000);
  expect(await readStats('a')).toEqual(await countPlainly('a'));

  expect(await deleteExpired(expired, options)).toBe(400);
  expect([batches, lines]).toEqual([
    [1000, 400],
    [
      ['a', 1000],
      ['a', 400],
    ],
  ]);
  expect(await readStats('a')).toMatchObject({ total_views: 6, unique_users: 6 });
  expect(await readStats('a')).toEqual(await countPlainly('a'));
  await passTime();
  await refresh();
  expect(await readStats('a')).toEqual(await countPlainly('a'));
  expect((await readStats('b')).total_views).toBe(2);
});

test('npm run events -- retain counts, asks and deletes, and a dry run deletes nothing', {
  timeout: 60_000,
}, async () => {
  await sites.add({ id: 'c', aliases: ['shop'], retention_days: 1 });
  await sites.add({ id: 'd', retention_days: 1 });
  await storeDays('c', [1, 2], 2);
  await storeDays('d', [5], 3);
  const firstKept = new Date(TODAY_MS - DAY_MS).toISOString().slice(0, 10);
  const counted = `c  keeps 1 days  2 events before ${firstKept}\n`;

  expect(await run('retain', '--site', 'shop', '--dry-run')).toMatchObject({
    code: 0,
    stdout: `${counted}2 events would be deleted.\n`,
  });
  expect(await run('retain', '--site', 'c')).toMatchObject({
    code: 1,
    stdout: `${counted}Delete 2 events? It can't be undone. Add --yes to do it.\n`,
  });
  expect(await Event.countDocuments({ site_id: 'c' })).toBe(4);

  expect((await run('retain', '--site', 'c', '--yes')).stdout).toContain('Deleted 2 events.');
  expect([
    await Event.countDocuments({ site_id: 'c' }),
    await Event.countDocuments({ site_id: 'd' }),
  ]).toEqual([2, 3]);
  expect((await run('retain', '--site', 'c', '--yes')).stdout).toContain('No event is older');
});

test.each([
  [['retain', '--site', 'missing'], 'There is no site missing.'],
  [['retain', '--user', 'ann'], 'retain has no --from, --to and --user'],
  [['delete', '--site', 'c', '--dry-run'], 'Only retain has --dry-run.'],
])('npm run events -- %j fails and says what to do', async (args, message) => {
  expect(await run(...args)).toMatchObject({ code: 1, stderr: expect.stringContaining(message) });
});
