import { useTestStack } from '@analytics/local-stack/testing/useTestStack';
import { waitUntil } from '@analytics/local-stack/testing/waitUntil';
import { deriveEventId } from '@analytics/shared/event/eventId';
import { INGEST_BATCH_JOB, INGEST_EVENT_JOB } from '@analytics/shared/event/eventQueue';
import { createWorkerRedis } from '@analytics/shared/redis/redis';
import type { Queue } from 'bullmq';
import fc from 'fast-check';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createOversizeJobCommands } from '../../src/deadLetters/oversizeJobCommands.ts';
import { scanBatchItems } from '../../src/events/batchItems.ts';
import { readJob } from '../../src/events/readJob.ts';
import { createEvent } from '../createEvent.ts';
import { openForeignQueue, openQueue, openStore, startConsumer } from '../events/startConsumer.ts';

const stack = useTestStack();
const queue = openQueue(stack);
const foreignQueue = openForeignQueue(stack);
const { Event, DeadLetter, deadLetters, processJob } = await openStore(stack);
const redis = createWorkerRedis(stack);
stack.register(() => redis.quit());

const MEBI = 1024 * 1024;

let lines: string[];
let questions: string[];
let isConfirmed: boolean;

function createCommands(usedQueue: Queue = queue) {
  return createOversizeJobCommands({
    redis,
    deadLetters,
    openQueue: async () => usedQueue,
    print: (line) => lines.push(line),
    showProgress: () => {},
    confirm: async (question) => {
      questions.push(question);
      return isConfirmed;
    },
  });
}
const commands = createCommands();

beforeEach(() => {
  lines = [];
  questions = [];
  isConfirmed = true;
});

afterEach(async () => {
  await queue.obliterate({ force: true });
  await Event.deleteMany();
  await DeadLetter.deleteMany();
});

/** Adds a foreign producer's job to the failed jobs, as a worker does with a job that is too large. */
async function addFailedJob(name: string, data: unknown): Promise<string> {
  const { id = '' } = await foreignQueue.add(name, data);
  await redis.multi().lrem(queue.toKey('wait'), 1, id).zadd(queue.toKey('failed'), Date.now(), id).exec();
  return id;
}

async function storeAll(): Promise<void> {
  const consumer = startConsumer(stack, processJob);
  await waitUntil(async () => (await queue.getJobCountByTypes('wait', 'active', 'delayed')) === 0);
  await consumer.close();
}

const PROPERTIES = Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`p${i}`, '語'.repeat(1024)]));

/** Events of each kind that a foreign producer may queue, enough for five of our own jobs. */
function createBatch() {
  const own = Array.from({ length: 35 }, (_, i) => createEvent({ path: `/${i}`, properties: PROPERTIES }));
  const { _id: _, ...input } = createEvent({ properties: PROPERTIES });
  const keyed = { ...input, path: '/keyed', event_id: 'order-1' };
  const nameless = { ...input, path: '/nameless' };
  const poisons = ['nonsense', { ...input, path: '' }, null];
  return {
    own,
    keyed,
    nameless,
    poisons,
    events: [...own, keyed, poisons[0], nameless, poisons[1], poisons[2]],
  };
}

test('a job that is too large is listed with its size; other failed jobs are not', async () => {
  const id = await addFailedJob(INGEST_BATCH_JOB, { events: ['ü'.repeat(10 * MEBI)] });
  await addFailedJob(INGEST_BATCH_JOB, { events: [] });

  await commands.listOversize();

  expect(lines).toEqual([
    expect.stringMatching(new RegExp(`^${id} {2}\\S+Z {2}ingest-batch {2}20.0 MiB$`)),
    '1 job too large to be read.',
  ]);
});

test('split asks, stores each event of the job once, saves every other item as a dead letter, and removes the job', async () => {
  const { own, events } = createBatch();
  const id = await addFailedJob(INGEST_BATCH_JOB, { source: 'importer', events, total: events.length });
  const { name = '', timestamp = 0 } = (await queue.getJob(id)) ?? {};
  const [whole] = readJob({
    id,
    name,
    data: { events },
    timestamp,
    attempts: 1,
    isLastAttempt: true,
    queueQualifiedName: queue.qualifiedName,
  });

  expect(await commands.split(id)).toBe(true);
  await storeAll();

  expect(questions).toEqual([
    expect.stringMatching(
      /^Split job \d+ of 2\.\d MiB: 37 events to the queue, 3 items to the dead letters\?$/,
    ),
  ]);
  expect(lines).toEqual([`Job ${id} is split: 37 events to the queue, 3 items to the dead letters.`]);
  expect(await Event.countDocuments({ _id: { $in: own.map(({ _id }) => _id) } })).toBe(35);
  expect(await Event.countDocuments({ _id: deriveEventId('s', 'order-1'), path: '/keyed' })).toBe(1);
  expect((await Event.distinct('_id')).map(String).sort()).toEqual(
    whole?.events.map(({ _id }) => _id).sort(),
  );
  expect((await DeadLetter.distinct('_id')).map(String).sort()).toEqual(
    whole?.invalid.map(({ _id }) => _id).sort(),
  );
  expect(await queue.getJobCountByTypes('failed')).toBe(0);
});

test('an interrupted and repeated split stores no event twice', async () => {
  const { events } = createBatch();
  const id = await addFailedJob(INGEST_BATCH_JOB, { events });
  let added = 0;
  const failingQueue = Object.create(queue, {
    add: {
      value: (...args: Parameters<Queue['add']>) => {
        added += 1;
        return added === 3 ? Promise.reject(new Error('Redis went away')) : queue.add(...args);
      },
    },
  }) as Queue;

  await expect(createCommands(failingQueue).split(id)).rejects.toThrow('Redis went away');
  await storeAll();
  const storedBefore = await Event.countDocuments();
  await commands.split(id);
  await storeAll();

  expect(storedBefore).toBeGreaterThan(0);
  expect(storedBefore).toBeLessThan(37);
  expect([await Event.countDocuments(), await DeadLetter.countDocuments()]).toEqual([37, 3]);
});

test('an item that is too large for a dead letter keeps the job until it is discarded', async () => {
  const event = createEvent();
  const id = await addFailedJob(INGEST_BATCH_JOB, { events: ['x'.repeat(16 * MEBI), event] });

  await commands.split(id);
  await storeAll();
  const left = await queue.getJobCountByTypes('failed');
  await commands.discard(id);

  expect(lines).toEqual([
    `Job ${id} is split: 1 event to the queue, 1 item too large for a dead letter.`,
    `The job stays, because it has items that are too large for a dead letter. discard ${id} deletes it.`,
    `Job ${id} is deleted.`,
  ]);
  expect([left, await Event.countDocuments(), await queue.getJobCountByTypes('failed')]).toEqual([1, 1, 0]);
});

test('without confirmation nothing changes', async () => {
  const id = await addFailedJob(INGEST_BATCH_JOB, { events: createBatch().events });
  isConfirmed = false;

  await commands.split(id);
  await commands.discard(id);

  expect([questions.length, lines]).toEqual([2, []]);
  expect(await queue.getJobCounts('wait', 'failed')).toEqual({ wait: 0, failed: 1 });
});

test.each(['7000', 'wait', 'meta'])('there is no failed job %s', async (id) => {
  expect(await commands.split(id)).toBe(false);
  expect(lines).toEqual([`There is no failed job ${id}.`]);
});

test.each([
  ['a single event', INGEST_EVENT_JOB, '"x"', /only ingest-batch holds several events/],
  ['a batch without a list', INGEST_BATCH_JOB, '{"events":{}}', /holds no list of events/],
  ['a batch that is cut off', INGEST_BATCH_JOB, '{"events":[{"a":1},{"b"', /ends before its JSON does/],
  ['a batch that is not JSON', INGEST_BATCH_JOB, '{"events":[nonsense]}', /is not JSON/],
])('split reports why it cannot split %s, and changes nothing', async (_name, name, data, reason) => {
  const id = await addFailedJob(name, {});
  await redis.hset(queue.toKey(id), 'data', data);

  await expect(commands.split(id)).rejects.toThrow(reason);

  expect(questions).toEqual([]);
  expect(await queue.getJobCounts('wait', 'failed')).toEqual({ wait: 0, failed: 1 });
});

test('a batch is divided into the items that JSON.parse finds', () => {
  const value = fc.json({ maxDepth: 3 }).map((text): unknown => JSON.parse(text));
  const batch = fc.record(
    { before: value, events: fc.array(value), 'eve"nts': value },
    { requiredKeys: ['events'] },
  );
  fc.assert(
    fc.property(batch, fc.constantFrom(undefined, 1, '\t'), (data, indent) => {
      const items = [...scanBatchItems(Buffer.from(JSON.stringify(data, null, indent)))];

      expect(items.map((item) => JSON.parse(item.toString()))).toEqual(data.events);
    }),
  );
});
