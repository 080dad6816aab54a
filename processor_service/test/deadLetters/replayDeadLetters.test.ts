import { waitUntil } from '@analytics/local-stack/testing/waitUntil';
import { createEventId } from '@analytics/shared/event/eventId';
import { Types } from 'mongoose';
import { expect, test } from 'vitest';
import { createEvent } from '../createEvent.ts';
import { startConsumer } from '../events/startConsumer.ts';
import { startDeadLetterCommands } from './startDeadLetterCommands.ts';

const {
  stack,
  queue,
  Event,
  DeadLetter,
  deadLetters,
  processJob,
  person,
  commands,
  openCommands,
  save,
  saveThree,
} = await startDeadLetterCommands();

test('replay counts, asks, puts the events back into the queue with their own _id, and deletes the dead letters', async () => {
  const { b, c } = await saveThree();
  const consumer = startConsumer(stack, processJob);

  await commands.replay({ reason: 'validation' });
  await waitUntil(async () => (await Event.countDocuments({ _id: { $in: [b._id, c._id] } })) === 2);
  await consumer.close();

  expect(person.questions).toEqual(['Replay 2 dead letters?']);
  expect(person.lines).toEqual(['2 dead letters put back into the queue.']);
  expect(await DeadLetter.countDocuments()).toBe(1);
});

test('replay divides dead letters into jobs of readable size, and deletes a dead letter after its job is queued', async () => {
  // Quotes take twice as many bytes in JSON.
  const properties = Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`p${i}`, '"'.repeat(1024)]));
  const events = Array.from({ length: 450 }, () => createEvent({ properties }));
  await deadLetters.save(
    events.map((event) => ({ event, reason: 'r', cause: '' })),
    { id: '7', attempts: 1 },
  );

  await commands.replay({});

  const jobs = await queue.getJobs(['waiting']);
  const sizes = jobs.map(({ data }) => Buffer.byteLength(JSON.stringify(data)));
  expect(jobs.flatMap(({ data }) => data.events).length).toBe(450);
  expect(Math.max(...sizes)).toBeLessThanOrEqual(512 * 1024);
  expect(person.lines).toEqual(['450 dead letters put back into the queue.']);
  expect(await DeadLetter.countDocuments()).toBe(0);
});

test('replay keeps the dead letters of a job that Redis rejected', async () => {
  await saveThree();
  const failingQueue = { add: () => Promise.reject(new Error('Redis went away')) };
  const replaying = openCommands(failingQueue).replay({});

  await expect(replaying).rejects.toThrow('Redis went away');
  expect(await DeadLetter.countDocuments()).toBe(3);
});

test('a dead letter that fails again during its replay stays', async () => {
  const event = createEvent({ site_id: 'a' });
  await save(event, 'first', '2025-11-12T10:00:00Z');
  const slowQueue = {
    add: async (...args: Parameters<typeof queue.add>) => {
      const job = await queue.add(...args);
      await save(event, 'again', '2025-11-12T13:00:00Z');
      return job;
    },
  };

  await openCommands(slowQueue).replay({});

  expect(await DeadLetter.collection.find().toArray()).toMatchObject([
    {
      reason: 'again',
      first_failed_at: new Date('2025-11-12T10:00:00Z'),
      last_failed_at: new Date('2025-11-12T13:00:00Z'),
    },
  ]);
});

test('a dead letter of an earlier version, with its event as BSON, is shown and replayed', async () => {
  const event = createEvent({ site_id: 'earlier' });
  const letter = { event, site_id: 'earlier', reason: 'r', job_id: '7', attempts: 1 };
  const _id = new Types.ObjectId(event._id);
  const failedAt = new Date('2025-11-12T10:00:00Z');
  await DeadLetter.collection.insertOne({
    ...letter,
    _id,
    first_failed_at: failedAt,
    last_failed_at: failedAt,
  } as never);

  await commands.show(event._id);
  await commands.replay({});

  expect(JSON.parse(person.lines[0] ?? '')).toMatchObject(letter);
  const [job] = await queue.getJobs(['waiting']);
  expect([job?.name, job?.data]).toEqual(['ingest-event', event]);
  expect(await DeadLetter.countDocuments()).toBe(0);
});

test('a dead letter without an _id is replayed under its own if it can be an event, and skipped if not', async () => {
  const { _id, ...input } = createEvent({ site_id: 'raw' });
  await deadLetters.save(
    [
      { _id, raw: JSON.stringify(input), reason: 'mended since', cause: '' },
      { _id: createEventId(), raw: '"nonsense"', reason: 'is no object', cause: '' },
    ],
    { id: '8', attempts: 1 },
  );

  await commands.replay({});

  const [job] = await queue.getJobs(['waiting']);
  expect([job?.name, job?.data]).toEqual(['ingest-event', { ...input, _id }]);
  expect(person.lines).toEqual([
    '1 dead letter put back into the queue; 1 dead letter skipped, because the content is not an event.',
  ]);
});
