import { waitUntil } from '@analytics/local-stack/testing/waitUntil';
import { eventJobOptions, INGEST_BATCH_JOB, INGEST_EVENT_JOB } from '@analytics/shared/event/eventQueue';
import { expect, test } from 'vitest';
import { createSiteEvent, startRunningJobs } from '../queue/runJobs.ts';

const { queue, Event, processJob, runJob, findBySite, findDeadLetters } = await startRunningJobs();

const unstorable: [name: string, data: unknown, jobName: string, reason: RegExp][] = [
  ['of an unknown name', createSiteEvent(), 'ingest-evnet', /no job of the name ingest-evnet/],
  ['without data', null, INGEST_EVENT_JOB, /not an event: data/],
  ['without a path', { ...createSiteEvent(), path: undefined }, INGEST_EVENT_JOB, /path is required/],
  [
    'with an operator',
    { ...createSiteEvent(), user_id: { $ne: null } },
    INGEST_EVENT_JOB,
    /user_id must be a string/,
  ],
  [
    'with a field too many',
    { ...createSiteEvent(), extra: 1 },
    INGEST_EVENT_JOB,
    /extra is not a known field/,
  ],
  [
    'with an _id that is none',
    { ...createSiteEvent(), _id: 'x' },
    INGEST_EVENT_JOB,
    /_id must be 24 hexadecimal/,
  ],
  [
    'with a number that JSON does not carry',
    { ...createSiteEvent(), properties: { order: 2 ** 53 } },
    INGEST_EVENT_JOB,
    /properties\.order must be sent as text/,
  ],
  [
    'with a property that bson takes for a type',
    { ...createSiteEvent(), properties: { _bsontype: 'x' } },
    INGEST_EVENT_JOB,
    /properties\._bsontype must be named/,
  ],
  [
    'from the year 1',
    { ...createSiteEvent(), timestamp: '0001-01-01T00:00:00Z' },
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
  'a job %s becomes a dead letter immediately, unchanged',
  async (_name, data, jobName, reason) => {
    const job = await runJob(data, jobName);
    await processJob(job);

    const letters = await findDeadLetters(job.id);
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

test('a job whose data is not JSON becomes a dead letter immediately, unchanged', async () => {
  const job = await queue.add(INGEST_EVENT_JOB, createSiteEvent(), { ...eventJobOptions, delay: 60_000 });
  const redis = await queue.getBackend().client;
  await redis.hset(queue.toKey(job.id ?? ''), { data: '{"site_id":"s", torn' });
  await job.promote();
  await waitUntil(async () => (await queue.getWaitingCount()) + (await queue.getActiveCount()) === 0);

  expect(await findDeadLetters(job.id)).toMatchObject([
    { raw: JSON.stringify('{"site_id":"s", torn'), attempts: 1 },
  ]);
});

test('an item of a batch that is not an event becomes a dead letter alone; the events are stored', async () => {
  const { site_id } = createSiteEvent();
  const good = [createSiteEvent({ site_id, path: '/1' }), createSiteEvent({ site_id, path: '/2' })];
  const bad = [{ ...createSiteEvent({ site_id }), path: '' }, 'nonsense'];

  const job = await runJob({ events: [good[0], bad[0], good[0], bad[1], good[1]] }, INGEST_BATCH_JOB);

  expect((await findBySite(site_id)).map(({ path }) => path)).toEqual(['/1', '/2']);
  expect((await findDeadLetters(job.id)).map((letter) => letter['raw']).sort()).toEqual(
    bad.map((item) => JSON.stringify(item)).sort(),
  );
});

test('an event that MongoDB finally rejects becomes a dead letter; the others are stored', async () => {
  const { site_id } = createSiteEvent();
  const refused = createSiteEvent({ site_id, path: '/refused' });
  await Event.db.db?.command({ collMod: 'events', validator: { path: { $ne: '/refused' } } });

  const job = await runJob(
    { events: [refused, createSiteEvent({ site_id, path: '/kept' })] },
    INGEST_BATCH_JOB,
  );

  await Event.db.db?.command({ collMod: 'events', validator: {} });
  expect((await findBySite(site_id)).map(({ path }) => path)).toEqual(['/kept']);
  expect(await findDeadLetters(job.id)).toEqual([
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
