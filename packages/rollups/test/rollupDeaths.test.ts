import { once } from 'node:events';
import { join } from 'node:path';
import { useTestStack } from '@analytics/local-stack/testing/useTestStack';
import { waitUntil } from '@analytics/local-stack/testing/waitUntil';
import type { EventJob } from '@analytics/shared/event/event';
import { createEventId } from '@analytics/shared/event/eventId';
import { INGEST_EVENT_JOB, openEventQueue } from '@analytics/shared/event/eventQueue';
import { Redis } from 'ioredis';
import request from 'supertest';
import { expect, test } from 'vitest';
import { startService } from '../../../e2e/startServices.ts';
import { verify } from '../../../processor_service/src/rollup/verify.ts';
import { startRollups } from '../../../processor_service/test/rollup/startRollups.ts';
import { startApp } from '../../../reporting_service/test/startApp.ts';

const LATE_PATH = '/late';

/** The lock of a dead worker, two looks for forgotten jobs, and the start of the next worker. */
const TAKEN_UP_AGAIN_MS = 40_000;

const stack = useTestStack();
const { app } = await startApp(stack);
const { Event, store, rollups, refresh, passTime } = await startRollups(stack);
const redis = new Redis(stack.REDIS_PORT, stack.REDIS_HOST, { maxRetriesPerRequest: null });
stack.register(() => redis.quit());

function createEvent(site_id: string, path: string, user_id: string): EventJob {
  const timestamp = '2025-11-12T19:30:00Z';
  return { _id: createEventId(), site_id, event_type: 'page_view', path, user_id, timestamp };
}

test.each([
  { moment: 'before', stored: 0 },
  { moment: 'after', stored: 1 },
])(
  'a worker that dies right $moment it stores a late event leaves no answer without what is stored',
  async ({ moment, stored }) => {
    const site_id = `death ${moment}`;
    const readStats = async () => {
      const { body } = await request(app).get('/stats').query({ site_id, date: '2025-11-12' });
      return { views: body.total_views, users: body.unique_users };
    };
    await store.storeEvents([createEvent(site_id, '/', 'ann')]);
    await passTime();
    await refresh();
    expect(await rollups.collections.invalidations.countDocuments({ '_id.site_id': site_id })).toBe(0);

    const queueName = `eventQueue-${moment}`;
    const queue = openEventQueue(redis, { queueName, queuePrefix: stack.QUEUE_PREFIX });
    stack.register(() => queue.close());
    await queue.add(INGEST_EVENT_JOB, createEvent(site_id, LATE_PATH, 'bob'));
    const settings = { ...stack, QUEUE_NAME: queueName };
    const fatal = {
      NODE_OPTIONS: `--import ${join(import.meta.dirname, 'fixtures/deathAtInsert.mjs')}`,
      DEATH_PATH: LATE_PATH,
      DEATH_MOMENT: moment,
    };
    const worker = await startService('processor_service', { ...settings, ...fatal });
    expect(await once(worker.process, 'exit')).toEqual([null, 'SIGKILL']);

    expect(await Event.countDocuments({ site_id, path: LATE_PATH })).toBe(stored);
    expect(await readStats()).toEqual({ views: 1 + stored, users: 1 + stored });
    await passTime();
    await refresh();
    expect(await readStats()).toEqual({ views: 1 + stored, users: 1 + stored });

    await startService('processor_service', settings);
    await waitUntil(
      async () => (await queue.getJobCountByTypes('active', 'wait', 'delayed')) === 0,
      Boolean,
      TAKEN_UP_AGAIN_MS,
    );
    expect(await readStats()).toEqual({ views: 2, users: 2 });
    await passTime();
    await refresh();
    expect(await readStats()).toEqual({ views: 2, users: 2 });
    const span = { site_id, startMs: Date.parse('2025-11-12'), endMs: Date.parse('2025-11-13') };
    expect(await verify(rollups, span, () => {})).toMatchObject({ invalid: 0, differences: [] });
  },
  90_000,
);
