import { startOwnMongo } from '@analytics/local-stack/testing/ownServers';
import { useTestStack } from '@analytics/local-stack/testing/useTestStack';
import { waitUntil } from '@analytics/local-stack/testing/waitUntil';
import { createEventId } from '@analytics/shared/event/eventId';
import { eventJobOptions, INGEST_EVENT_JOB } from '@analytics/shared/event/eventQueue';
import { expect, test } from 'vitest';
import { openQueue, openStore, startConsumer } from './startConsumer.ts';

const mongo = await startOwnMongo();
const shared = useTestStack();
shared.register(() => mongo.remove());
const stack = { ...shared, MONGO_URI: `mongodb://127.0.0.1:${mongo.port}/analytics` };
const queue = openQueue(stack);
const { Event, processJob } = await openStore(stack);

function enqueueEvents(site_id: string, count: number) {
  return queue.addBulk(
    Array.from({ length: count }, () => ({
      name: INGEST_EVENT_JOB,
      data: {
        _id: createEventId(),
        site_id,
        event_type: 'page_view',
        path: '/',
        user_id: null,
        timestamp: '2025-11-12T19:30:01Z',
      },
      opts: eventJobOptions,
    })),
  );
}

test('while MongoDB is away no job fails; when it returns all events are stored without a restart', async () => {
  startConsumer(stack, processJob);
  await mongo.kill();

  await enqueueEvents('outage', 20);
  // Five jobs use the whole concurrency, and wait for MongoDB during several attempts.
  await waitUntil(async () => (await queue.getActiveCount()) === 5);
  expect(await queue.getFailedCount()).toBe(0);
  await mongo.restart();
  await waitUntil(async () => (await Event.countDocuments({ site_id: 'outage' }).catch(() => 0)) === 20);

  expect(await queue.getFailedCount()).toBe(0);
});

test('a worker that stops while MongoDB is away returns its jobs with all attempts left', async () => {
  const consumer = startConsumer({ ...stack, QUEUE_NAME: 'second' }, processJob, { concurrency: 2 });
  const second = openQueue({ ...stack, QUEUE_NAME: 'second' });
  await mongo.kill();
  const job = await second.add(
    INGEST_EVENT_JOB,
    (await enqueueEvents('handover', 1))[0]?.data,
    eventJobOptions,
  );
  await waitUntil(async () => (await second.getActiveCount()) === 1);

  await consumer.close();

  expect([await second.getWaitingCount(), await second.getActiveCount()]).toEqual([1, 0]);
  expect((await second.getJob(job.id ?? ''))?.attemptsMade).toBe(0);
  await mongo.restart();
});

test('a write to a hung MongoDB times out, and succeeds once MongoDB continues', async () => {
  const mongo = await startOwnMongo();
  shared.register(() => mongo.remove());
  const { store } = await openStore({ ...shared, MONGO_URI: `mongodb://127.0.0.1:${mongo.port}/x` });
  const event = {
    _id: createEventId(),
    site_id: 's',
    event_type: 'p',
    path: '/',
    user_id: null,
    timestamp: '2025-11-12T19:30:01Z',
  };
  await store.storeEvents([event]);
  await mongo.freeze();
  const t = Date.now();
  await expect(store.storeEvents([event])).rejects.toThrow();
  expect(Date.now() - t).toBeLessThan(17_000);
  mongo.resume();
  expect(await store.storeEvents([event])).toEqual(['duplicate']);
}, 40_000);
