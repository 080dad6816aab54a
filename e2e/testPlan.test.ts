import { randomUUID } from 'node:crypto';
import { useTestStack } from '@analytics/local-stack/testing/useTestStack';
import { waitUntil } from '@analytics/local-stack/testing/waitUntil';
import mongoose from 'mongoose';
import { expect, test } from 'vitest';
import { createClient } from './client.ts';
import { startServices, waitUntilReady } from './startServices.ts';

const stack = useTestStack();
const services = await startServices(stack);
await waitUntilReady(services);
const { postEvent, getStats, postAndWait } = createClient(services);
const connection = mongoose.createConnection(stack.MONGO_URI);
stack.register(() => connection.close());
const { collection } = await connection
  .asPromise()
  .then((open) => ({ collection: open.collection('events') }));

function createEvent(change: object = {}) {
  return {
    site_id: randomUUID(),
    event_type: 'page_view',
    path: '/pricing',
    user_id: 'user-xyz-789',
    timestamp: '2025-11-12T19:30:01Z',
    ...change,
  };
}

test('a valid event is accepted and appears in the reports', async () => {
  const event = createEvent();

  const answer = await postEvent(event);
  const stats = await waitUntil(
    () => getStats(event.site_id, '2025-11-12'),
    ({ total_views }) => total_views > 0,
  );

  expect(answer).toEqual({ status: 202, body: { success: true } });
  expect(stats).toEqual({
    site_id: event.site_id,
    date: '2025-11-12',
    total_views: 1,
    unique_users: 1,
    top_paths: [{ path: '/pricing', views: 1 }],
  });
});

test.each([
  ['an event without site_id', { site_id: undefined }, 'site_id'],
  ['an event with an invalid timestamp', { timestamp: 'not a time' }, 'timestamp'],
])('%s is refused with 400', async (_name, change, field) => {
  const answer = await postEvent(createEvent(change));

  expect(answer).toMatchObject({ status: 400, body: { errors: [{ field }] } });
});

test('100 events are all accepted and counted', async () => {
  const site_id = randomUUID();
  const events = Array.from({ length: 100 }, (_, index) =>
    createEvent({ site_id, path: `/page-${index % 4}`, user_id: `user-${index % 25}` }),
  );

  const statuses = await postAndWait(events);

  expect(statuses).toEqual(events.map(() => 202));
  expect(await getStats(site_id)).toEqual({
    site_id,
    date: null,
    total_views: 100,
    unique_users: 25,
    top_paths: [0, 1, 2, 3].map((page) => ({ path: `/page-${page}`, views: 25 })),
  });
});

test('a stored document has the specified fields and types and no others', async () => {
  const event = createEvent({
    event_id: 'order-1',
    user_id: undefined,
    timestamp: '2025-11-12T21:30:01.5+02:00',
  });
  const before = new Date();

  await postAndWait([event]);
  const documents = await collection.find({ site_id: event.site_id }).toArray();

  expect(documents).toEqual([
    {
      _id: expect.any(mongoose.Types.ObjectId),
      site_id: event.site_id,
      event_type: 'page_view',
      path: '/pricing',
      user_id: null,
      timestamp: new Date('2025-11-12T19:30:01.500Z'),
      createdAt: expect.any(Date),
      updatedAt: documents[0]?.['createdAt'],
    },
  ]);
  expect(documents[0]?.['createdAt'].getTime()).toBeGreaterThanOrEqual(before.getTime());
});

test('days begin at UTC midnight, whatever the offset of the timestamps', async () => {
  const site_id = randomUUID();
  const timestamps = [
    '2025-11-11T23:59:59.999Z',
    '2025-11-12T05:29:59.999+05:30',
    '2025-11-12T00:00:00Z',
    '2025-11-12T18:59:59.999-05:00',
    '2025-11-12T19:00:00-05:00',
    '2025-11-13T00:00:00Z',
  ];

  await postAndWait(timestamps.map((timestamp) => createEvent({ site_id, timestamp })));

  const days = await Promise.all(
    ['2025-11-11', '2025-11-12', '2025-11-13'].map((date) => getStats(site_id, date)),
  );
  expect(days.map(({ total_views }) => total_views)).toEqual([2, 2, 2]);
});

test('anonymous events count as views and not as users', async () => {
  const site_id = randomUUID();

  await postAndWait(
    ['ann', 'ann', 'bob', null, null, undefined].map((user_id) => createEvent({ site_id, user_id })),
  );

  expect(await getStats(site_id)).toMatchObject({ total_views: 6, unique_users: 2 });
});

test('the same event_id in 50 parallel requests, and again after its job has been removed, is stored once: the first event', async () => {
  const event = createEvent({ event_id: 'order-1', path: '/first' });
  const countDuplicates = () =>
    services.processor.log.reduce((sum, { duplicates }) => sum + Number(duplicates ?? 0), 0);

  const answers = await Promise.all(Array.from({ length: 50 }, () => postEvent(event)));
  await waitUntil(countDuplicates, (count) => count === 49);
  const later = await postEvent({ ...event, path: '/second' });
  await waitUntil(countDuplicates, (count) => count === 50);

  expect([...answers, later].map(({ status }) => status)).toEqual(Array(51).fill(202));
  expect(await getStats(event.site_id)).toMatchObject({
    total_views: 1,
    top_paths: [{ path: '/first', views: 1 }],
  });
});

test('the same event_id in two sites is two events', async () => {
  const [one, other] = [createEvent({ event_id: 'order-2' }), createEvent({ event_id: 'order-2' })];

  await postAndWait([one, other]);

  expect(await getStats(one.site_id)).toMatchObject({ total_views: 1 });
  expect(await getStats(other.site_id)).toMatchObject({ total_views: 1 });
});

test("the worker logs each job's result with its ids", async () => {
  const event = createEvent();

  await postAndWait([event]);
  const document = await collection.findOne({ site_id: event.site_id });
  const line = await waitUntil(() =>
    services.processor.log.find(({ event_id }) => event_id === String(document?._id)),
  );

  expect(line).toMatchObject({
    level: 30,
    job_id: expect.any(String),
    stored: 1,
    duplicates: 0,
    msg: 'job completed',
  });
});

test('SIGTERM ends each service with exit code 0', async () => {
  const codes = await Promise.all(Object.values(await startServices(stack)).map((service) => service.stop()));

  expect(codes).toEqual([0, 0, 0]);
});
