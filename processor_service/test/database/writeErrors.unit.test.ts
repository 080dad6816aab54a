import { expect, test } from 'vitest';
import { readOutcomes, TransientWriteError } from '../../src/database/writeErrors.ts';

/** MongoDB's answer for the second of three documents. */
const reply = (error: object) => ({ writeErrors: [{ index: 1, code: 0, errmsg: 'why', ...error }] });

test.each([6, 24, 50, 89, 112, 189, 365, 371, 9001, 10058, 11601, 11602, 13388, 13435, 14031])(
  'error %i of a document is transient: the write is repeated',
  (code) => {
    expect(() => readOutcomes(reply({ code }), 3)).toThrow(TransientWriteError);
  },
);

test('an error with the label of a retryable write is transient', () => {
  const labelled = { ...reply({ code: 4_711 }), errorLabels: ['RetryableWriteError'] };

  expect(() => readOutcomes(labelled, 3)).toThrow(TransientWriteError);
});

test.each([
  [121, true],
  [10334, true],
  [1, false],
  [16755, false],
  [4711, false],
])('error %i of a document is final: %s; the others are stored', (code, isFinal) => {
  expect(readOutcomes(reply({ code }), 3)).toEqual([
    'stored',
    {
      isFinal,
      reason: 'MongoDB refused the event: why',
      cause: `MongoDB refused an event (error ${code})`,
    },
    'stored',
  ]);
});

const dup = (index: string, key: string) =>
  `E11000 duplicate key error collection: a.events index: ${index} dup key: { ${key} }`;

test.each([
  ['_id by its fields', { keyPattern: { _id: 1 } }, 'duplicate'],
  ['_id by its name', { errmsg: dup('_id_', "_id: ObjectId('6b03206e0882acb548435452')") }, 'duplicate'],
  ['_id in an old form of the name', { errmsg: dup('a.events.$_id_', ': 1') }, 'duplicate'],
  ['another index', { keyPattern: { user_id: 1 } }, { isFinal: false }],
  ['an index that begins with _id', { keyPattern: { _id: 1, user_id: 1 } }, { isFinal: false }],
  ['a key that looks like a name', { errmsg: dup('path_1', 'path: "index: _id_"') }, { isFinal: false }],
])('a duplicate in %s', (_name, error, outcome) => {
  expect(readOutcomes(reply({ code: 11000, ...error }), 3)).toMatchObject(['stored', outcome, 'stored']);
});
