import { useTestStack } from '@analytics/local-stack/testing/useTestStack';
import { waitUntil } from '@analytics/local-stack/testing/waitUntil';
import { createEventId, deriveEventId, type EventJob } from '@analytics/shared/event';
import { eventJobOptions, INGEST_BATCH_JOB, INGEST_EVENT_JOB } from '@analytics/shared/eventQueue';
import type { mongo } from 'mongoose';
import { expect, test } from 'vitest';
import { openQueue, openStore, startConsumer } from './startConsumer.ts';

const stack = useTestStack();
const queue = openQueue(stack);
const { Event, DeadLetter, processJob } = await openStore(stack);
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

const findBySite = (site_id: string) => Event.collection.find({ site_id }).sort({ path: 1 }).toArray();
const findLetters = (job_id: string | undefined) =>
  DeadLetter.collection.find({ job_id: job_id ?? '' }).toArray();

/** Queues a job, waits until it is done and gone, and gives it back as it was. */
async function runJob(data: unknown, name = INGEST_EVENT_JOB) {
  const job = await queue.add(name, data, eventJobOptions);
  await waitUntil(async () => (await queue.getJob(job.id ?? '')) === undefined);
  const { name: jobName, data: jobData, timestamp } = job;
  const names = { id: job.id ?? '', name: jobName, queueQualifiedName: queue.qualifiedName };
  return { ...names, data: jobData, timestamp, attemptsStarted: 1, isLastAttempt: true };
}

test('an event is stored with its timestamp as a Date, the times of storing, and no other field', async () => {
  const before = Date.now();
  const event = createEvent();

  await runJob(event);
  const [document, ...others] = await findBySite(event.site_id);

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

test('a batch is stored whole', async () => {
  const { site_id } = createEvent();
  const events = Array.from({ length: 500 }, (_, index) =>
    createEvent({ site_id, path: `/${1000 + index}` }),
  );

  await runJob({ events }, INGEST_BATCH_JOB);

  expect((await findBySite(site_id)).map(({ _id, path }) => [String(_id), path])).toEqual(
    events.map(({ _id, path }) => [_id, path]),
  );
});

test('an event is stored once when two jobs carry it, or one job twice; the first wins and no letter is left', async () => {
  const event = createEvent({ path: '/first' });
  const second = { ...event, path: '/second' };

  await runJob(event);
  const job = await runJob(second);
  const batch = await runJob({ events: [second, second] }, INGEST_BATCH_JOB);

  expect((await findBySite(event.site_id)).map(({ path }) => path)).toEqual(['/first']);
  expect([await findLetters(job.id), await findLetters(batch.id)]).toEqual([[], []]);
});

test('a job that runs again reports duplicates and stores nothing', async () => {
  const job = await runJob({ events: [createEvent(), createEvent()] }, INGEST_BATCH_JOB);

  expect(await processJob(job)).toEqual({ events: 2, stored: 0, duplicates: 2, dead_letters: 0 });
});

test('an event of a foreign producer is stored with an _id that follows from its job, once, however often it runs', async () => {
  const { _id: _, ...input } = createEvent();

  const job = await runJob(input);
  const rerun = await processJob(job);

  expect((await findBySite(input.site_id)).map(({ _id }) => String(_id))).toEqual([
    deriveEventId(`${stack.QUEUE_PREFIX}:${stack.QUEUE_NAME}`, `${job.id}\0${job.timestamp}\0${0}`),
  ]);
  expect(rerun).toMatchObject({ stored: 0, duplicates: 1 });
});

test('an event of a foreign producer with an event_id is the same event as if it had come by HTTP', async () => {
  const { _id: _, ...input } = createEvent();

  await runJob({ ...input, event_id: 'order-1' });

  expect((await findBySite(input.site_id)).map(({ _id }) => String(_id))).toEqual([
    deriveEventId(input.site_id, 'order-1'),
  ]);
});

test.each([true, false])(
  'an event in another spelling is stored as any other, whether its producer fixed its _id (%s) or not',
  async (hasId) => {
    const { _id, ...input } = createEvent({
      path: '/first',
      timestamp: '20251112T193001,25+0530',
      referrer: 'about:client',
    });
    const second = {
      ...input,
      path: '/second',
      timestamp: '2025-W46-3T14:00Z',
      referrer: 'android-app://com.Slack./https/x',
    };

    await runJob(hasId ? { ...input, _id } : input);
    await runJob(hasId ? { ...second, _id: createEventId() } : second);

    const [first, other] = await findBySite(input.site_id);
    expect([first?.['timestamp'], other?.['timestamp']]).toEqual([
      new Date('2025-11-12T14:00:01.250Z'),
      new Date('2025-11-12T14:00:00Z'),
    ]);
    expect(Object.keys(first ?? {})).not.toContain('referrer');
    expect(other).toMatchObject({
      referrer: 'android-app://com.Slack./https/x',
      referrer_host: 'com.slack',
    });
  },
);

const unstorable: [name: string, data: unknown, jobName: string, reason: RegExp][] = [
  ['of an unknown name', createEvent(), 'ingest-evnet', /no job of the name ingest-evnet/],
  ['without data', null, INGEST_EVENT_JOB, /not an event: data/],
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
  [
    'with a number that JSON does not carry',
    { ...createEvent(), properties: { order: 2 ** 53 } },
    INGEST_EVENT_JOB,
    /properties\.order must be sent as text/,
  ],
  [
    'with a property that bson takes for a type',
    { ...createEvent(), properties: { _bsontype: 'x' } },
    INGEST_EVENT_JOB,
    /properties\._bsontype must be named/,
  ],
  [
    'from the year 1',
    { ...createEvent(), timestamp: '0001-01-01T00:00:00Z' },
    INGEST_EVENT_JOB,
    /timestamp must be .* from 1970 to 2099/,
  ],
  ['that is a batch without events', { events: [] }, INGEST_BATCH_JOB, /holds no events/],
  ['that is a batch of another shape', { event: 1 }, INGEST_BATCH_JOB, /holds no events/],
  [
    'that is a batch of more items than could be events',
    { events: new Array(250_001).fill(0) },
    INGEST_BATCH_JOB,
    /holds 250001 items/,
  ],
];

test.each(unstorable)(
  'a job %s goes to the dead letters at once, as it was',
  async (_name, data, jobName, reason) => {
    const job = await runJob(data, jobName);
    await processJob(job);

    const letters = await findLetters(job.id);
    expect(letters).toEqual([
      {
        _id: expect.anything(),
        raw: JSON.stringify(data),
        site_id: (data as { site_id?: string } | null)?.site_id ?? null,
        reason: expect.stringMatching(reason),
        job_id: job.id,
        attempts: 1,
        first_failed_at: expect.any(Date),
        last_failed_at: expect.any(Date),
      },
    ]);
    expect(await queue.getFailedCount()).toBe(0);
  },
);

test('a job whose data is no JSON goes to the dead letters at once, as it was', async () => {
  const job = await queue.add(INGEST_EVENT_JOB, createEvent(), { ...eventJobOptions, delay: 60_000 });
  const redis = await queue.getBackend().client;
  await redis.hset(queue.toKey(job.id ?? ''), { data: '{"site_id":"s", torn' });
  await job.promote();
  await waitUntil(async () => (await queue.getWaitingCount()) + (await queue.getActiveCount()) === 0);

  expect(await findLetters(job.id)).toMatchObject([
    { raw: JSON.stringify('{"site_id":"s", torn'), attempts: 1 },
  ]);
});

test('what is no event in a batch goes to the dead letters alone; its neighbours are stored', async () => {
  const { site_id } = createEvent();
  const good = [createEvent({ site_id, path: '/1' }), createEvent({ site_id, path: '/2' })];
  const bad = [{ ...createEvent({ site_id }), path: '' }, 'nonsense'];

  const job = await runJob({ events: [good[0], bad[0], good[0], bad[1], good[1]] }, INGEST_BATCH_JOB);

  expect((await findBySite(site_id)).map(({ path }) => path)).toEqual(['/1', '/2']);
  expect((await findLetters(job.id)).map((letter) => letter['raw']).sort()).toEqual(
    bad.map((item) => JSON.stringify(item)).sort(),
  );
});

test('an event that MongoDB refuses for good goes to the dead letters; its neighbours are stored', async () => {
  const { site_id } = createEvent();
  const refused = createEvent({ site_id, path: '/refused' });
  await Event.db.db?.command({ collMod: 'events', validator: { path: { $ne: '/refused' } } });

  const job = await runJob({ events: [refused, createEvent({ site_id, path: '/kept' })] }, INGEST_BATCH_JOB);

  await Event.db.db?.command({ collMod: 'events', validator: {} });
  expect((await findBySite(site_id)).map(({ path }) => path)).toEqual(['/kept']);
  expect(await findLetters(job.id)).toEqual([
    {
      _id: expect.anything(),
      raw: JSON.stringify(refused),
      site_id,
      reason: expect.stringMatching(/refused the event: Document failed validation/),
      job_id: job.id,
      attempts: 1,
      first_failed_at: expect.any(Date),
      last_failed_at: expect.any(Date),
    },
  ]);
});

test('the writer builds the indexes that the design names', async () => {
  const indexes = await Event.collection.indexes();

  expect(indexes.map(({ key }) => key)).toEqual([
    { _id: 1 },
    { site_id: 1, timestamp: 1, path: 1, user_id: 1 },
    { timestamp: 1 },
    { site_id: 1, path: 1 },
  ]);
});
