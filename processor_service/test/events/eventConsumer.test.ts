import { createEventId, deriveEventId } from '@analytics/shared/event/eventId';
import { INGEST_BATCH_JOB } from '@analytics/shared/event/eventQueue';
import type { mongo } from 'mongoose';
import { expect, test } from 'vitest';
import { createSiteEvent, startRunningJobs } from '../queue/runJobs.ts';

const { stack, Event, processJob, runJob, findBySite, findDeadLetters } = await startRunningJobs();

test('an event is stored with its timestamp as a Date, the times of storing, and no other field', async () => {
  const before = Date.now();
  const event = createSiteEvent();

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
  const { site_id } = createSiteEvent();
  const events = Array.from({ length: 500 }, (_, index) =>
    createSiteEvent({ site_id, path: `/${1000 + index}` }),
  );

  await runJob({ events }, INGEST_BATCH_JOB);

  expect((await findBySite(site_id)).map(({ _id, path }) => [String(_id), path])).toEqual(
    events.map(({ _id, path }) => [_id, path]),
  );
});

test('an event is stored once when two jobs carry it, or one job twice; the first is kept, and no dead letter is written', async () => {
  const event = createSiteEvent({ path: '/first' });
  const second = { ...event, path: '/second' };

  await runJob(event);
  const job = await runJob(second);
  const batch = await runJob({ events: [second, second] }, INGEST_BATCH_JOB);

  expect((await findBySite(event.site_id)).map(({ path }) => path)).toEqual(['/first']);
  expect([await findDeadLetters(job.id), await findDeadLetters(batch.id)]).toEqual([[], []]);
});

test('a job that runs again reports duplicates and stores nothing', async () => {
  const job = await runJob({ events: [createSiteEvent(), createSiteEvent()] }, INGEST_BATCH_JOB);

  expect(await processJob(job)).toEqual({ events: 2, stored: 0, duplicates: 2, dead_letters: 0 });
});

test('an event of a foreign producer gets its _id from its job, and is stored once when the job runs again', async () => {
  const { _id: _, ...input } = createSiteEvent();

  const job = await runJob(input);
  const rerun = await processJob(job);

  expect((await findBySite(input.site_id)).map(({ _id }) => String(_id))).toEqual([
    deriveEventId(`${stack.QUEUE_PREFIX}:${stack.QUEUE_NAME}`, `${job.id}\0${job.timestamp}\0${0}`),
  ]);
  expect(rerun).toMatchObject({ stored: 0, duplicates: 1 });
});

test('an event of a foreign producer with an event_id has the same _id as over HTTP', async () => {
  const { _id: _, ...input } = createSiteEvent();

  await runJob({ ...input, event_id: 'order-1' });

  expect((await findBySite(input.site_id)).map(({ _id }) => String(_id))).toEqual([
    deriveEventId(input.site_id, 'order-1'),
  ]);
});

test('a job with more events than one insert is stored in parts, and each event once when it runs again', async () => {
  const { _id: _, ...input } = createSiteEvent();
  const events: unknown[] = Array.from({ length: 12_000 }, (_, index) => ({ ...input, path: `/${index}` }));
  events[7000] = 'no event';
  await Event.db.db?.setProfilingLevel('all');

  const job = await runJob({ events }, INGEST_BATCH_JOB);

  await Event.db.db?.setProfilingLevel('off');
  const inserts = await Event.db.db
    ?.collection('system.profile')
    .find({ op: 'insert', ns: /[.]events$/ })
    .sort({ ts: 1 })
    .toArray();
  expect(inserts?.map(({ ninserted }) => ninserted)).toEqual([5000, 4999, 2000]);
  expect(await processJob(job)).toEqual({ events: 11_999, stored: 0, duplicates: 11_999, dead_letters: 1 });
  expect(await Event.countDocuments({ site_id: input.site_id })).toBe(11_999);
  expect((await findDeadLetters(job.id)).map(({ _id }) => String(_id))).toEqual([
    deriveEventId(`${stack.QUEUE_PREFIX}:${stack.QUEUE_NAME}`, `${job.id}\0${job.timestamp}\0${7000}`),
  ]);
});

test.each([true, false])(
  'an event in another valid spelling is stored like any other, with (%s) or without an _id of its producer',
  async (hasId) => {
    const { _id, ...input } = createSiteEvent({
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

test('the processor builds the indexes of the design', async () => {
  const indexes = await Event.collection.indexes();

  expect(indexes.map(({ key }) => key)).toEqual([
    { _id: 1 },
    { site_id: 1, timestamp: 1, path: 1, user_id: 1 },
    { timestamp: 1 },
    { site_id: 1, path: 1 },
  ]);
});
