import { expect, test } from 'vitest';
import { serializeError } from '../../src/service/serializeError.ts';

const EVENT = '{"site_id":"secret-site"}';

/** As ioredis makes it: the whole command stands in the error. */
function createReplyError(message: string): Error {
  const error = Object.assign(new Error(message), { command: { name: 'evalsha', args: ['sha', EVENT] } });
  error.name = 'ReplyError';
  return error;
}

const errors: [name: string, error: Error, expected: object][] = [
  ['a reply of Redis', createReplyError('READONLY no'), { message: 'READONLY no', command: 'evalsha' }],
  [
    'a reply of Redis that repeats its arguments',
    createReplyError(`ERR unknown command 'evalsha', with args beginning with: '${EVENT}' `),
    { message: "ERR unknown command 'evalsha'" },
  ],
  [
    'a cause of a cause',
    new Error('a', { cause: new Error('b', { cause: createReplyError('OOM') }) }),
    { message: 'a: b: OOM' },
  ],
  [
    'one of several errors',
    new AggregateError([createReplyError('OOM'), new TypeError('b')], 'all failed'),
    {
      message: 'all failed',
      aggregateErrors: [
        expect.objectContaining({ message: 'OOM', command: 'evalsha' }),
        expect.objectContaining({ type: 'TypeError' }),
      ],
    },
  ],
  [
    'a failed insert of MongoDB',
    Object.assign(new Error('duplicate key'), { code: 11000, writeErrors: [{ err: { op: EVENT } }] }),
    { message: 'duplicate key', code: 11000 },
  ],
];

test.each(errors)('%s keeps its message, and no part of an event', (_name, error, expected) => {
  const serialized = serializeError(error);

  expect(serialized).toMatchObject(expected);
  expect(JSON.stringify(serialized)).not.toContain('secret-site');
});

test('an error that is its own cause is serialized', () => {
  const error = new Error('round');
  error.cause = error;

  expect((serializeError(error) as Error).message).toBe(Array(6).fill('round').join(': '));
});

test('other values are unchanged', () => {
  expect(serializeError('nothing')).toBe('nothing');
});
