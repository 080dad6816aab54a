import { useTestStack } from '@analytics/local-stack/testing/useTestStack';
import { waitUntil } from '@analytics/local-stack/testing/waitUntil';
import type { EventJob } from '@analytics/shared/event/event';
import { INGEST_BATCH_JOB, INGEST_EVENT_JOB } from '@analytics/shared/event/eventQueue';
import { UnrecoverableError } from 'bullmq';
import { beforeEach, expect, test } from 'vitest';
import { createEvent } from '../createEvent.ts';
import { openQueue, openStore, startConsumer } from './startConsumer.ts';

const stack = useTestStack();
const queue = openQueue(stack);
const { Event, DeadLetter, processJob } = await openStore(stack);
startConsumer(stack, processJob, { concurrency: 20 });

/** The options of a foreign producer's job. BullMQ's default is one attempt. */
const foreign = (attempts: number) => ({ attempts, backoff: { type: 'fixed', delay: 20 } });

beforeEach(async () => {
  await Event.deleteMany();
  await Event.collection.createIndex(
    { user_id: 1 },
    { unique: true, partialFilterExpression: { user_id: 'ann' } },
  );
  await Event.collection.insertOne({ user_id: 'ann' } as never);
});

const isDone = async () => (await queue.getJobCountByTypes('wait', 'active', 'delayed', 'failed')) === 0;
const findStored = async (events: readonly EventJob[]) =>
  (await Event.find({ _id: { $in: events.map(({ _id }) => _id) } }).lean())
    .map(({ _id }) => String(_id))
    .sort();

test.each([1, 50])(
  'an event that an index of the operator rejects becomes a dead letter alone, after five attempts; its producer set %i',
  async (attempts) => {
    await DeadLetter.deleteMany();
    const refused = createEvent({ user_id: 'ann' });
    const others = Array.from({ length: 30 }, () => createEvent());
    const batch = [refused, ...others.slice(0, 10)];

    const job = await queue.add(INGEST_BATCH_JOB, { events: batch }, foreign(attempts));
    await queue.addBulk(
      others.slice(10).map((data) => ({ name: INGEST_EVENT_JOB, data, opts: { attempts: 1 } })),
    );
    await waitUntil(isDone);

    expect(await findStored([refused, ...others])).toEqual(others.map(({ _id }) => _id).sort());
    expect(await DeadLetter.collection.find().toArray()).toMatchObject([
      {
        raw: JSON.stringify(refused),
        job_id: job.id,
        attempts: 5,
        reason: expect.stringMatching(
          /^MongoDB refused the event: E11000 duplicate key .* index: user_id_1 /,
        ),
      },
    ]);
  },
);

test.each([{ type: 'fixed', delay: 20 }, { type: 'a strategy of the producer' }])(
  'an event that MongoDB accepts at a later attempt is stored without a dead letter: backoff $type',
  async (backoff) => {
    await DeadLetter.deleteMany();
    const event = createEvent({ user_id: 'ann' });

    const job = await queue.add(INGEST_EVENT_JOB, event, { backoff });
    await waitUntil(async () => ((await queue.getJob(job.id ?? ''))?.attemptsMade ?? 0) > 0);
    await Event.collection.dropIndex('user_id_1');
    await waitUntil(isDone);

    expect([await findStored([event]), await DeadLetter.countDocuments()]).toEqual([[event._id], 0]);
  },
);

test('a failed job stays until it is moved to the dead letters, even if its producer set removeOnFail', async () => {
  const name = { ...stack, QUEUE_NAME: 'removing' };
  const removing = openQueue(name);
  startConsumer(name, () => Promise.reject(new UnrecoverableError('a bug')));

  const job = await removing.add(INGEST_EVENT_JOB, createEvent(), { attempts: 1, removeOnFail: true });
  await waitUntil(async () => (await removing.getWaitingCount()) + (await removing.getActiveCount()) === 0);

  expect(await job.getState()).toBe('failed');
});
