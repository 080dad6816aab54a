import { useTestStack } from '@analytics/local-stack/testing/useTestStack';
import { waitUntil } from '@analytics/local-stack/testing/waitUntil';
import { createEventId, type EventJob } from '@analytics/shared/event';
import { createLogger } from '@analytics/shared/logger';
import { Types } from 'mongoose';
import { beforeEach, expect, test } from 'vitest';
import { createDeadLetterCommands } from '../src/deadLetterCommands.ts';
import { createDeadLetters } from '../src/deadLetters.ts';
import { createEvent } from './createEvent.ts';
import { openQueue, openStore, startConsumer } from './startConsumer.ts';

const stack = useTestStack();
const queue = openQueue(stack);
const logger = createLogger({ name: 'dead-letters', level: 'silent', isPretty: false });
const { Event, DeadLetter, processJob } = await openStore(stack);

let lines: string[];
let questions: string[];
let isConfirmed: boolean;
/** What happens while the person decides. */
let whileAsked: () => Promise<void>;

const commands = createDeadLetterCommands({
  letters: DeadLetter.collection as never,
  openQueue: async () => queue,
  say: (line) => lines.push(line),
  showProgress: () => {},
  confirm: async (question) => {
    questions.push(question);
    await whileAsked();
    return isConfirmed;
  },
});

beforeEach(async () => {
  await DeadLetter.deleteMany();
  await queue.drain();
  lines = [];
  questions = [];
  isConfirmed = true;
  whileAsked = async () => {};
});

async function keep(event: EventJob, reason: string, failedAt: string): Promise<void> {
  await createDeadLetters(DeadLetter, logger, () => new Date(failedAt)).keep([{ event, reason, cause: '' }], {
    id: '7',
    attempts: 2,
  });
}

async function keepThree() {
  const [a, b, c] = [
    createEvent({ site_id: 'a' }),
    createEvent({ site_id: 'b' }),
    createEvent({ site_id: 'a' }),
  ];
  await keep(a, 'too large (BSON)', '2025-11-12T10:00:00Z');
  await keep(b, 'Document failed validation', '2025-11-12T11:00:00Z');
  await keep(c, 'Document failed validation', '2025-11-12T12:00:00Z');
  return { a, b, c };
}

test('list shows the newest letters first, a line each, and how many there are', async () => {
  const { b, c } = await keepThree();

  await commands.list({}, 2);

  expect(lines).toEqual([
    `${c._id}  2025-11-12T12:00:00.000Z  a  2  Document failed validation`,
    `${b._id}  2025-11-12T11:00:00.000Z  b  2  Document failed validation`,
    '3 dead letters in all, the newest 2 shown.',
  ]);
});

const selections: [name: string, selection: object, names: string[]][] = [
  ['a site', { site: 'a' }, ['a', 'c']],
  ['a part of the reason in any case', { reason: 'FAILED' }, ['b', 'c']],
  ['a reason taken literally', { reason: '(bson)' }, ['a']],
  ['a reason that would match as a pattern', { reason: '.*' }, []],
  ['a time from on', { since: new Date('2025-11-12T11:00:00Z') }, ['b', 'c']],
  ['a time before', { until: new Date('2025-11-12T11:00:00Z') }, ['a']],
  ['all of these', { site: 'a', reason: 'failed', since: new Date('2025-11-12T11:00:00Z') }, ['c']],
];

test.each(selections)('letters are chosen by %s', async (_name, selection, names) => {
  const events = await keepThree();

  await commands.list(selection, 10);

  const ids = new Set(lines.map((line) => line.split(' ')[0]));
  expect(Object.entries(events).flatMap(([name, { _id }]) => (ids.has(_id) ? [name] : []))).toEqual(names);
});

test('show writes a letter whole', async () => {
  const { a } = await keepThree();

  expect(await commands.show(a._id)).toBe(true);
  expect(JSON.parse(lines[0] ?? '')).toMatchObject({
    _id: a._id,
    raw: a,
    reason: 'too large (BSON)',
    attempts: 2,
  });
});

test.each(['000000000000000000000000', 'nonsense'])('show says that there is no letter %s', async (id) => {
  expect(await commands.show(id)).toBe(false);
});

test('replay counts, asks, puts the letters back into the queue with their own _id, and removes them', async () => {
  const { b, c } = await keepThree();
  const consumer = startConsumer(stack, processJob);

  await commands.replay({ reason: 'validation' });
  await waitUntil(async () => (await Event.countDocuments({ _id: { $in: [b._id, c._id] } })) === 2);
  await consumer.close();

  expect(questions).toEqual(['Replay 2 dead letters?']);
  expect(lines).toEqual(['2 dead letters put back into the queue.']);
  expect(await DeadLetter.countDocuments()).toBe(1);
});

test.each(['replay', 'purge'] as const)(
  '%s acts on exactly the letters that it counted; one that arrives or fails again before the answer stays',
  async (command) => {
    const { a } = await keepThree();
    const late = createEvent({ site_id: 'late' });
    whileAsked = async () => {
      await keep(late, 'arrived meanwhile', '2025-11-12T09:00:00Z');
      await keep(a, 'failed again', '2025-11-12T13:00:00Z');
    };

    await commands[command]({});

    expect(questions[0]).toMatch(/^(Replay|Delete for good) 3 dead letters\?$/);
    expect(lines[0]).toMatch(/^2 dead letters /);
    expect(await DeadLetter.collection.distinct('reason')).toEqual(['arrived meanwhile', 'failed again']);
  },
);

test.each(['replay', 'purge'] as const)(
  '%s with a limit takes the letters that list shows',
  async (command) => {
    const { a } = await keepThree();

    await commands[command]({}, 2);

    expect(questions[0]).toMatch(/^(Replay|Delete for good) 2 dead letters, the newest of 3\?$/);
    expect((await DeadLetter.collection.find().toArray()).map(({ _id }) => String(_id))).toEqual([a._id]);
  },
);

test('a site id cannot give orders to the terminal', async () => {
  await keep(createEvent({ site_id: '\u001b[2J\u009b1m' }), 'r', '2025-11-12T10:00:00Z');

  await commands.list({}, 1);

  expect(lines[0]).toContain('  \\u001b[2J\\u009b1m  ');
});

test('replay makes jobs that can be read of letters that are too large for one, and removes a letter after its job is queued', async () => {
  // Quotes take twice as many bytes in JSON.
  const properties = Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`p${i}`, '"'.repeat(1024)]));
  const events = Array.from({ length: 450 }, () => createEvent({ properties }));
  await createDeadLetters(DeadLetter, logger).keep(
    events.map((event) => ({ event, reason: 'r', cause: '' })),
    { id: '7', attempts: 1 },
  );

  await commands.replay({});

  const jobs = await queue.getJobs(['waiting']);
  const sizes = jobs.map(({ data }) => Buffer.byteLength(JSON.stringify(data)));
  expect(jobs.flatMap(({ data }) => data.events).length).toBe(450);
  expect(Math.max(...sizes)).toBeLessThanOrEqual(512 * 1024);
  expect(lines).toEqual(['450 dead letters put back into the queue.']);
  expect(await DeadLetter.countDocuments()).toBe(0);
});

test('replay keeps the letters of a job that Redis did not take', async () => {
  await keepThree();
  const failingQueue = { add: () => Promise.reject(new Error('Redis went away')) };
  const replaying = createDeadLetterCommands({
    letters: DeadLetter.collection as never,
    openQueue: async () => failingQueue as never,
    say: (line) => lines.push(line),
    showProgress: () => {},
    confirm: async () => true,
  }).replay({});

  await expect(replaying).rejects.toThrow('Redis went away');
  expect(await DeadLetter.countDocuments()).toBe(3);
});

test('what is not confirmed changes nothing', async () => {
  await keepThree();
  isConfirmed = false;

  await commands.replay({});
  await commands.purge({});

  expect(questions).toEqual(['Replay 3 dead letters?', 'Delete for good 3 dead letters?']);
  expect([await DeadLetter.countDocuments(), await queue.count()]).toEqual([3, 0]);
});

test('a letter that failed again while it was replayed stays', async () => {
  const event = createEvent({ site_id: 'a' });
  await keep(event, 'first', '2025-11-12T10:00:00Z');
  const slowQueue = {
    add: async (...args: Parameters<typeof queue.add>) => {
      const job = await queue.add(...args);
      await keep(event, 'again', '2025-11-12T13:00:00Z');
      return job;
    },
  };

  await createDeadLetterCommands({
    letters: DeadLetter.collection as never,
    openQueue: async () => slowQueue as never,
    say: (line) => lines.push(line),
    showProgress: () => {},
    confirm: async () => true,
  }).replay({});

  expect(await DeadLetter.collection.find().toArray()).toMatchObject([
    {
      reason: 'again',
      first_failed_at: new Date('2025-11-12T10:00:00Z'),
      last_failed_at: new Date('2025-11-12T13:00:00Z'),
    },
  ]);
});

test('a letter of an earlier version, which holds its event as BSON, is shown and replayed', async () => {
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

  expect(JSON.parse(lines[0] ?? '')).toMatchObject(letter);
  const [job] = await queue.getJobs(['waiting']);
  expect([job?.name, job?.data]).toEqual(['ingest-event', event]);
  expect(await DeadLetter.countDocuments()).toBe(0);
});

test('a letter without an _id is replayed under its own if it could be an event, and left if it could not', async () => {
  const { _id, ...input } = createEvent({ site_id: 'raw' });
  await createDeadLetters(DeadLetter, logger).keep(
    [
      { _id, raw: JSON.stringify(input), reason: 'mended since', cause: '' },
      { _id: createEventId(), raw: '"nonsense"', reason: 'is no object', cause: '' },
    ],
    { id: '8', attempts: 1 },
  );

  await commands.replay({});

  const [job] = await queue.getJobs(['waiting']);
  expect([job?.name, job?.data]).toEqual(['ingest-event', { ...input, _id }]);
  expect(lines).toEqual([
    '1 dead letter put back into the queue; 1 dead letter left, for they hold nothing that could be an event.',
  ]);
});

test('purge counts, asks and deletes', async () => {
  await keepThree();

  await commands.purge({ site: 'a' });

  expect([questions, lines, await DeadLetter.countDocuments()]).toEqual([
    ['Delete for good 2 dead letters?'],
    ['2 dead letters deleted.'],
    1,
  ]);
});

test('nothing is asked when no letter matches', async () => {
  await commands.purge({ site: 'nobody' });

  expect([questions, lines]).toEqual([[], ['No dead letter matches.']]);
});
