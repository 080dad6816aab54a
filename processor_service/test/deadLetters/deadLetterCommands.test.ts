import { expect, test } from 'vitest';
import { createEvent } from '../createEvent.ts';
import { startDeadLetterCommands } from './startDeadLetterCommands.ts';

const { queue, DeadLetter, person, commands, save, saveThree } = await startDeadLetterCommands();

test('list shows the newest dead letters first, one per line, and their number', async () => {
  const { b, c } = await saveThree();

  await commands.list({}, 2);

  expect(person.lines).toEqual([
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

test.each(selections)('dead letters are selected by %s', async (_name, selection, names) => {
  const events = await saveThree();

  await commands.list(selection, 10);

  const ids = new Set(person.lines.map((line) => line.split(' ')[0]));
  expect(Object.entries(events).flatMap(([name, { _id }]) => (ids.has(_id) ? [name] : []))).toEqual(names);
});

test('show prints all of a dead letter', async () => {
  const { a } = await saveThree();

  expect(await commands.show(a._id)).toBe(true);
  expect(JSON.parse(person.lines[0] ?? '')).toMatchObject({
    _id: a._id,
    raw: a,
    reason: 'too large (BSON)',
    attempts: 2,
  });
});

test.each(['000000000000000000000000', 'nonsense'])(
  'show says that there is no dead letter %s',
  async (id) => {
    expect(await commands.show(id)).toBe(false);
  },
);

test.each(['replay', 'purge'] as const)(
  '%s handles exactly the dead letters that it counted; one that arrives or fails again before the answer stays',
  async (command) => {
    const { a } = await saveThree();
    const late = createEvent({ site_id: 'late' });
    person.whileAsked = async () => {
      await save(late, 'arrived meanwhile', '2025-11-12T09:00:00Z');
      await save(a, 'failed again', '2025-11-12T13:00:00Z');
    };

    await commands[command]({});

    expect(person.questions[0]).toMatch(/^(Replay|Delete for good) 3 dead letters\?$/);
    expect(person.lines[0]).toMatch(/^2 dead letters /);
    expect(await DeadLetter.collection.distinct('reason')).toEqual(['arrived meanwhile', 'failed again']);
  },
);

test.each(['replay', 'purge'] as const)(
  '%s with a limit handles the dead letters that list shows',
  async (command) => {
    const { a } = await saveThree();

    await commands[command]({}, 2);

    expect(person.questions[0]).toMatch(/^(Replay|Delete for good) 2 dead letters, the newest of 3\?$/);
    expect((await DeadLetter.collection.find().toArray()).map(({ _id }) => String(_id))).toEqual([a._id]);
  },
);

test('a site id cannot control the terminal', async () => {
  await save(createEvent({ site_id: '\u001b[2J\u009b1m' }), 'r', '2025-11-12T10:00:00Z');

  await commands.list({}, 1);

  expect(person.lines[0]).toContain('  \\u001b[2J\\u009b1m  ');
});

test('without confirmation nothing changes', async () => {
  await saveThree();
  person.isConfirmed = false;

  await commands.replay({});
  await commands.purge({});

  expect(person.questions).toEqual(['Replay 3 dead letters?', 'Delete for good 3 dead letters?']);
  expect([await DeadLetter.countDocuments(), await queue.count()]).toEqual([3, 0]);
});

test('purge counts, asks and deletes', async () => {
  await saveThree();

  await commands.purge({ site: 'a' });

  expect([person.questions, person.lines, await DeadLetter.countDocuments()]).toEqual([
    ['Delete for good 2 dead letters?'],
    ['2 dead letters deleted.'],
    1,
  ]);
});

test('no question is asked when no dead letter matches', async () => {
  await commands.purge({ site: 'nobody' });

  expect([person.questions, person.lines]).toEqual([[], ['No dead letter matches.']]);
});
