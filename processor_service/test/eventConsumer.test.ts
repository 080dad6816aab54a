import { useTestStack } from '@analytics/local-stack/testing/useTestStack';
import { waitUntil } from '@analytics/local-stack/testing/waitUntil';
import { createEventId, deriveEventId, type EventJob } from '@analytics/shared/event';
import { eventJobOptions, INGEST_EVENT_JOB } from '@analytics/shared/eventQueue';
import type { mongo } from 'mongoose';
import { expect, test } from 'vitest';
import { openQueue, openStore, startConsumer } from './startConsumer.ts';

const stack = useTestStack();
const queue = openQueue(stack);
const { Event, processJob } = await openStore(stack);
startConsumer(stack, processJob);

function createEvent(change: Partial<EventJob> = {}): EventJob {
  return {
    _id: createEventId(),
    site_id: createEventId(),
    event_type: 'page_view',
    path: '/pricing',
    user_id: 'user-xyz-789',
    timestamp: '2025-11-12T19:30:01.250+05:30',
    ...change,
  };
}

const enqueue = (data: unknown, name = INGEST_EVENT_JOB) => queue.add(name, data, eventJobOptions);
const findBySite = (site_id: string) => Event.collection.find({ site_id }).toArray();
const waitUntilFinished = (jobId: string | undefined) =>
  waitUntil(
    () => queue.getJob(jobId ?? ''),
    (job) => Boolean(job?.finishedOn),
  );

test('an event is stored with its timestamp as a Date, the times of storing, and no other field', async () => {
  const before = Date.now();
  const event = createEvent();

  await enqueue(event);
  const [document, ...others] = await waitUntil(
    () => findBySite(event.site_id),
    (documents) => documents.length > 0,
  );

  expect(others).toEqual([]);
  const { _id, createdAt, updatedAt, ...fields } = document as mongo.Document;
  expect(String(_id)).toBe(event._id);
  expect(fields).toEqual({
    site_id: event.site_id,
    event_type: 'page_view',
    path: '/pricing',
    user_id: 'user-xyz-789',
    timestamp: new Date('2025-11-12T14:00:01.250Z'),
  });
  expect(createdAt).toEqual(updatedAt);
  expect(createdAt.getTime()).toBeGreaterThanOrEqual(before);
});

test('an event is stored once when two jobs carry it; the first wins and the second is no failure', async () => {
  const event = createEvent({ path: '/first' });

  const first = await enqueue(event);
  await waitUntilFinished(first.id);
  const second = await enqueue({ ...event, path: '/second' });
  const finished = await waitUntilFinished(second.id);

  expect(finished?.returnvalue).toEqual({ event_ids: [event._id], stored: 0, duplicates: 1 });
  expect((await findBySite(event.site_id)).map(({ path }) => path)).toEqual(['/first']);
});

test('an event of a foreign producer is stored with an _id that follows from its job, once, however often it runs', async () => {
  const { _id: _, ...input } = createEvent();

  const job = await enqueue(input);
  await waitUntilFinished(job.id);
  const rerun = await processJob(job);

  const documents = await findBySite(input.site_id);
  expect(documents.map(({ _id }) => String(_id))).toEqual([
    deriveEventId(`${stack.QUEUE_PREFIX}:${stack.QUEUE_NAME}`, `${job.id}\0${job.timestamp}`),
  ]);
  expect(rerun).toMatchObject({ stored: 0, duplicates: 1 });
});

test('an event of a foreign producer with an event_id is the same event as if it had come by HTTP', async () => {
  const { _id: _, ...input } = createEvent();

  const job = await enqueue({ ...input, event_id: 'order-1' });
  const finished = await waitUntilFinished(job.id);

  expect(finished?.returnvalue).toMatchObject({
    event_ids: [deriveEventId(input.site_id, 'order-1')],
    stored: 1,
  });
});

const unstorable: [name: string, data: unknown, jobName: string, reason: RegExp][] = [
  ['of an unknown name', createEvent(), 'ingest-evnet', /no job of the name ingest-evnet/],
  ['without data', null, INGEST_EVENT_JOB, /data is not an event/],
  ['without a path', { ...createEvent(), path: undefined }, INGEST_EVENT_JOB, /path is required/],
  [
    'with an operator',
    { ...createEvent(), user_id: { $ne: null } },
    INGEST_EVENT_JOB,
    /user_id must be a string/,
  ],
  ['with a field too many', { ...createEvent(), extra: 1 }, INGEST_EVENT_JOB, /extra is not a known field/],
  [
    'with an _id that is none',
    { ...createEvent(), _id: 'x' },
    INGEST_EVENT_JOB,
    /_id must be 24 hexadecimal/,
  ],
];

test.each(unstorable)(
  'a job %s fails at once, is kept with its reason, and stores nothing',
  async (_name, data, jobName, reason) => {
    const countBefore = await Event.countDocuments();

    const job = await enqueue(data, jobName);
    const failed = await waitUntilFinished(job.id);

    expect(failed?.failedReason).toMatch(reason);
    expect(failed?.attemptsMade).toBe(1);
    expect(await failed?.getState()).toBe('failed');
    expect(await Event.countDocuments()).toBe(countBefore);
  },
);

test('the writer builds the indexes that the design names', async () => {
  const indexes = await Event.collection.indexes();

  expect(indexes.map(({ key }) => key)).toEqual([
    { _id: 1 },
    { site_id: 1, timestamp: 1 },
    { timestamp: 1 },
    { site_id: 1, path: 1 },
  ]);
});
