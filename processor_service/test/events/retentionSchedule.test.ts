import { useTestStack } from '@analytics/local-stack/testing/useTestStack';
import { waitUntil } from '@analytics/local-stack/testing/waitUntil';
import { createEventId } from '@analytics/shared/event/eventId';
import { createSiteStore } from '@analytics/sites/siteStore';
import type { mongo } from 'mongoose';
import { beforeEach, expect, test } from 'vitest';
import { createDailyLease } from '../../src/database/dailyLease.ts';
import { findDue, startRetentionSchedule } from '../../src/events/retentionSchedule.ts';
import { createWriteInvalidator } from '../../src/events/writeInvalidator.ts';
import { startRollups } from '../rollup/startRollups.ts';

const stack = useTestStack();
const { connection, Event, store, rollups } = await startRollups(stack);
const db = connection.db as mongo.Db;
const sites = createSiteStore(() => db);
const DAY_MS = 86_400_000;
const HOUR_MS = 3_600_000;
/** The quiet hour of tomorrow. Later than the events are stored. */
const DUE_MS = Math.floor(Date.now() / DAY_MS) * DAY_MS + DAY_MS + 3 * HOUR_MS;
const EXPIRED_EVENTS = 2500;

beforeEach(async () => {
  await db.collection('leases').deleteMany({});
  await db.collection('sites').deleteMany({});
  await Event.deleteMany({});
  await sites.add({ id: 'a', retention_days: 30 });
  const events = Array.from({ length: EXPIRED_EVENTS + 1 }, (_, index) => ({
    _id: createEventId(),
    site_id: 'a',
    event_type: 'page_view',
    path: '/',
    user_id: null,
    timestamp: new Date(DUE_MS - (index < EXPIRED_EVENTS ? 40 : 20) * DAY_MS + index).toISOString(),
  }));
  await store.storeEvents(events);
});

/** Starts the schedule of a worker, whose clock the test sets. */
function startWorker(clock: { ms: number }, onBatch: () => void = () => {}) {
  const seen = { deleted: 0, lines: [] as unknown[], looks: 0 };
  const lease = createDailyLease(db, { task: 'retention', since: new Date(DUE_MS - DAY_MS) });
  const schedule = startRetentionSchedule({
    hour: 3,
    Event,
    sites,
    invalidator: createWriteInvalidator(rollups.invalidations),
    lease: {
      ...lease,
      claim: async (due) => {
        const isClaimed = await lease.claim(due);
        seen.looks += 1;
        return isClaimed;
      },
    },
    mongoWatch: { isUp: true, whileUp: (work) => work() },
    onExpired: (deleted) => {
      seen.deleted += deleted;
      onBatch();
    },
    logger: {
      info: (fields: unknown) => seen.lines.push(fields),
      warn: (line: unknown) => seen.lines.push(line),
    } as never,
    now: () => clock.ms,
    intervalMs: 20,
  });
  return { seen, close: schedule.close };
}

const countLeft = () => Event.countDocuments({ site_id: 'a' });
const readLease = () => db.collection('leases').findOne({ _id: 'retention' as never });
const isDone = async () => (await readLease())?.['done_for'].getTime() === DUE_MS;

test('one of two workers deletes the expired events, in the quiet hour, once a day', async () => {
  const clock = { ms: DUE_MS - 1 };
  const workers = [startWorker(clock), startWorker(clock)];
  await waitUntil(() => workers.every(({ seen }) => seen.looks > 2));
  expect(await countLeft()).toBe(EXPIRED_EVENTS + 1);

  clock.ms = DUE_MS + HOUR_MS - 1;
  await waitUntil(isDone);
  const looks = workers.map(({ seen }) => seen.looks);
  await waitUntil(() => workers.every(({ seen }, index) => seen.looks > (looks[index] ?? 0) + 2));
  await Promise.all(workers.map(({ close }) => close()));

  expect(await countLeft()).toBe(1);
  expect(workers.map(({ seen }) => seen.deleted).sort()).toEqual([0, EXPIRED_EVENTS]);
  expect(workers.flatMap(({ seen }) => seen.lines)).toEqual([
    {
      site_id: 'a',
      retention_days: 30,
      before: new Date(DUE_MS - 3 * HOUR_MS - 30 * DAY_MS).toISOString(),
      deleted: EXPIRED_EVENTS,
    },
  ]);
});

test('a run that is stopped ends after its batch, and the next worker continues it', async () => {
  const clock = { ms: DUE_MS };
  let stopped: Promise<void> | undefined;
  const first = startWorker(clock, () => {
    stopped ??= first.close();
  });
  await waitUntil(() => stopped !== undefined);
  await stopped;
  expect([first.seen.deleted, await countLeft(), await isDone()]).toEqual([1000, 1501, false]);

  const second = startWorker(clock);
  await waitUntil(isDone);
  await second.close();
  expect([second.seen.deleted, await countLeft()]).toEqual([1500, 1]);
});

test('one of many processes gets a lease, and another one takes it over once it has expired', async () => {
  const open = (leaseMs: number) => createDailyLease(db, { task: 't', since: new Date(0), leaseMs });
  const due = new Date(1);
  const many = Array.from({ length: 8 }, () => open(60_000));
  const claimed = await Promise.all(many.map((lease) => lease.claim(due)));
  expect(claimed.filter(Boolean)).toEqual([true]);
  const holder = many[claimed.indexOf(true)];
  expect(await holder?.renew()).toBe(true);

  await holder?.release();
  const brief = open(1);
  const next = open(60_000);
  expect(await brief.claim(due)).toBe(true);
  expect(await waitUntil(() => next.claim(due))).toBe(true);
  expect(await brief.renew()).toBe(false);
  await brief.release(due);
  expect(await next.renew()).toBe(true);

  await next.release(due);
  expect([await next.claim(due), await next.claim(new Date(2))]).toEqual([false, true]);
});

test.each([
  ['2025-11-12T03:00:00Z', '2025-11-12T03:00:00Z'],
  ['2025-11-12T03:59:59Z', '2025-11-12T03:00:00Z'],
  ['2025-11-12T04:00:00Z', '2025-11-11T03:00:00Z'],
  ['2025-11-12T02:59:59Z', '2025-11-10T03:00:00Z'],
])('at %s a run may begin if none is done for %s', (now, claim) => {
  expect(findDue(3, Date.parse(now)).claimMs).toBe(Date.parse(claim));
});
