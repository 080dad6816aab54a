import { expect, test } from 'vitest';
import { readHeaderKey } from '../src/credentials.ts';
import { createKeyUseNotes } from '../src/keyUses.ts';

test.each([
  [{}, undefined],
  [{ authorization: 'Bearer aw_1' }, 'aw_1'],
  [{ authorization: 'bearer  aw_1 ' }, 'aw_1'],
  [{ 'x-api-key': 'aw_1' }, 'aw_1'],
  [{ 'x-api-key': '' }, undefined],
  [{ authorization: 'Bearer aw_1', 'x-api-key': 'aw_1' }, 'aw_1'],
])('the headers %j name the key %s', (headers, expected) => {
  expect(readHeaderKey(headers)).toBe(expected);
});

test.each([
  [{ authorization: 'Basic YTpi' }],
  [{ authorization: 'Bearer' }],
  [{ authorization: 'Bearer aw_1 aw_2' }],
  [{ authorization: '' }],
  [{ authorization: 'Bearer aw_1', 'x-api-key': 'aw_2' }],
])('the headers %j are refused with 401', (headers) => {
  expect(() => readHeaderKey(headers)).toThrow(
    expect.objectContaining({ status: 401, headers: { 'WWW-Authenticate': 'Bearer' } }),
  );
});

test('the use of a key is noted once a minute', () => {
  const noted: [string, number][] = [];
  const noteUse = createKeyUseNotes((hash, ms) => noted.push([hash, ms]));

  for (const [hash, ms] of [
    ['a', 0],
    ['a', 59_999],
    ['b', 59_999],
    ['a', 60_000],
  ] as const) {
    noteUse(hash, ms);
  }

  expect(noted).toEqual([
    ['a', 0],
    ['b', 59_999],
    ['a', 60_000],
  ]);
});
