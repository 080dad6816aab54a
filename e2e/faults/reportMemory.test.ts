import { readFile } from 'node:fs/promises';
import { guard } from '@analytics/local-stack/guardian';
import { startOwnMongo } from '@analytics/local-stack/testing/ownServers';
import type { TestStack } from '@analytics/local-stack/testing/useTestStack';
import { waitUntil } from '@analytics/local-stack/testing/waitUntil';
import { openRollupCollections, ROLLUP_FORMAT } from '@analytics/rollups/documents';
import { createUserBitmap, encodeUserBitmap } from '@analytics/rollups/userBitmap';
import { mongo } from 'mongoose';
import { expect, onTestFinished, test } from 'vitest';
import { startRollups } from '../../processor_service/test/rollup/startRollups.ts';
import { startService } from '../startServices.ts';

/** What the reporting service promises (docs/reports.md). */
const MAX_RESIDENT_MB = 512;

const HOUR_MS = 3_600_000;
const DAY_MS = 24 * HOUR_MS;

/** About as many small sets as the processor puts into one document. */
const SETS_PER_CHUNK = 1000;
const NOON_MS = Date.parse('2025-11-12T12:00:00Z');

interface Answer {
  meta?: { source: string };
  unique_users?: number;
  total?: number;
  rows?: { unique_users: number }[];
  series?: { unique_users: number }[];
}

/** Starts MongoDB, and the reporting service as a process of its own. */
async function startReporting() {
  const closings: (() => unknown)[] = [];
  onTestFinished(async () => {
    for (const close of closings.reverse()) {
      await close();
    }
  });
  const server = await startOwnMongo();
  closings.push(() => server.remove());
  const stack = {
    MONGO_URI: `mongodb://127.0.0.1:${server.port}/faults`,
    // Other measurements cover the speed.
    STATS_TIMEOUT_SECONDS: 200,
    register: (close: () => unknown) => {
      closings.push(close);
    },
  } as unknown as TestStack;
  const { url, process: child, log } = await startService('reporting_service', stack);
  child.once('exit', guard(child.pid as number));
  await waitUntil(async () => (await fetch(`${url}/readyz`)).status === 200);
  return {
    stack,
    log,
    get: async (path: string) => {
      const response = await fetch(url + path);
      return { status: response.status, ...((await response.json()) as Answer) };
    },
    /** The most memory that the process had in RAM. */
    readPeakMb: async () => {
      const status = await readFile(`/proc/${child.pid}/status`, 'utf8');
      return Math.round(Number(/^VmHWM:\s+(\d+) kB/m.exec(status)?.[1]) / 1024);
    },
  };
}

const repeat = <Item>(count: number, make: (index: number) => Item) =>
  Array.from({ length: count }, (_, index) => make(index));

test('a day with rollups, except for an hour of 500,000 users that is read from events', async () => {
  const { stack, log, get, readPeakMb } = await startReporting();
  const { Event, rollups, refresh, passTime, store } = await startRollups(stack);
  const createUsers = async (startMs: number, first: number, count: number) => {
    for (let start = first; start < first + count; start += 10_000) {
      await Event.collection.insertMany(
        repeat(10_000, (index) => ({
          site_id: 'large',
          event_type: 'page_view',
          path: '/',
          user_id: `0f8fad5b-d9cb-469f-a165-${String(start + index).padStart(12, '0')}`,
          timestamp: new Date(startMs + ((start + index) % 3600) * 1000),
        })),
        { ordered: false },
      );
    }
  };
  // Half of the users have been met before, in an hour that is rolled up.
  await store.storeEvents([]);
  await rollups.invalidations.invalidateHours([
    { site_id: 'large', granularity: 'hour', startMs: NOON_MS - HOUR_MS },
  ]);
  await createUsers(NOON_MS - HOUR_MS, 0, 250_000);
  await passTime();
  await refresh();
  await rollups.invalidations.invalidateHours([{ site_id: 'large', granularity: 'hour', startMs: NOON_MS }]);
  await createUsers(NOON_MS, 0, 500_000);

  const range = 'site_id=large&date=2025-11-12';
  const routes = [
    '/stats?',
    '/stats/timeseries?interval=day&',
    '/stats/breakdown?dimension=path&',
    '/stats/breakdown?dimension=event_type&',
  ];
  const startedMs = performance.now();
  const answers = await Promise.all([...routes, ...routes].map((route) => get(route + range)));
  const seconds = (performance.now() - startedMs) / 1000;
  const peakMb = await readPeakMb();
  process.stdout.write(`500,000 users, eight reports: ${peakMb} MB at most, ${seconds.toFixed(1)} s\n`);

  const users = answers.map(
    ({ unique_users, rows, series }) => unique_users ?? (rows ?? series)?.[0]?.unique_users,
  );
  expect(users).toEqual(repeat(8, () => 500_000));
  expect(answers[1]?.meta?.source).toBe('mixed');
  expect(log.filter(({ level }) => Number(level) >= 40)).toEqual([]);
  expect(peakMb).toBeLessThan(MAX_RESIDENT_MB);
});

test('eight breakdowns of 960,000 values at the same time', async () => {
  const [days, pathsPerDay] = [60, 16_000];
  const { stack, log, get, readPeakMb } = await startReporting();
  const client = new mongo.MongoClient(stack.MONGO_URI);
  stack.register(() => client.close());
  const { counts, userBitmaps, siteCodes, meta } = openRollupCollections(client.db());
  const oneUser = createUserBitmap();
  oneUser.add(1);
  const set = new mongo.Binary(encodeUserBitmap(oneUser));
  oneUser.dispose();
  await meta.insertOne({ _id: 'backfill', is_complete: true, format: ROLLUP_FORMAT });
  await siteCodes.insertOne({
    _id: 'wide',
    code: 1,
    dimensions: ['', 'path'],
    has_more_dimensions: false,
  });
  // The range holds one whole month, which has no rollup and so is empty, and thirty days on either side of
  // it.
  const firstDays = [Date.parse('2025-01-02'), Date.parse('2025-03-01')];
  for (const day of repeat(days, Number)) {
    const start = new Date((firstDays[day % 2] ?? 0) + Math.floor(day / 2) * DAY_MS);
    const _id = { site: 1, dimension: 'path', granularity: 'day' as const, start, part: 0 };
    const ones = repeat(pathsPerDay, () => 1);
    const chunks = repeat(pathsPerDay / SETS_PER_CHUNK, (chunk) => chunk);
    await userBitmaps.insertMany(
      chunks.map((chunk) => ({
        _id: { ..._id, chunk },
        version: 1,
        user_bitmaps: repeat(SETS_PER_CHUNK, () => set),
      })),
    );
    await counts.insertOne({
      _id,
      version: 1,
      parts: 1,
      values: repeat(pathsPerDay, (index) => `/articles/${day}/${index}/some-words-of-its-title`),
      views: ones,
      users: ones,
      chunk_starts: chunks.map((chunk) => chunk * SETS_PER_CHUNK),
    });
  }
  const range = 'site_id=wide&dimension=path&from=2025-01-02&to=2025-03-30';
  const startedMs = performance.now();
  const answers = await Promise.all(
    repeat(8, (index) => get(`/stats/breakdown?${range}&offset=${index * 1000}`)),
  );
  const seconds = (performance.now() - startedMs) / 1000;
  const peakMb = await readPeakMb();
  process.stdout.write(`960,000 values, eight breakdowns: ${peakMb} MB at most, ${seconds.toFixed(1)} s\n`);

  expect(answers.map(({ status, total, meta }) => [status, total, meta?.source])).toEqual(
    repeat(8, () => [200, days * pathsPerDay, 'rollup']),
  );
  expect(log.filter(({ level }) => Number(level) >= 40)).toEqual([]);
  expect(peakMb).toBeLessThan(MAX_RESIDENT_MB);
});
