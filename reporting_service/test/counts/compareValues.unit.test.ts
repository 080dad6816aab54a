import fc from 'fast-check';
import { expect, test } from 'vitest';
import { compareValues } from '../../src/counts/compareValues.ts';

test('texts are ordered by their UTF-8 bytes', () => {
  // Few characters, so that many texts begin alike: of one to four bytes, and on both sides of the
  // surrogates.
  const character = fc.constantFrom(
    'a',
    'b',
    '\u00e9',
    '\ud7ff',
    '\ue000',
    '\uffff',
    '\u{10000}',
    '\u{1f600}',
    '\u{10ffff}',
  );
  const text = fc.array(character, { maxLength: 5 }).map((characters) => characters.join(''));
  fc.assert(
    fc.property(text, text, (a, b) => {
      const expected = Buffer.compare(Buffer.from(a), Buffer.from(b));
      expect(Math.sign(compareValues(a, b))).toBe(expected);
    }),
    { numRuns: 2000 },
  );
});

test("values of different types have MongoDB's order", () => {
  const sorted = [null, -1, 0.5, 2, '', 'a', 'b', false, true];

  expect([...sorted].reverse().sort(compareValues)).toEqual(sorted);
});
