import fc from 'fast-check';
import { expect, test } from 'vitest';
import { takeFirst } from '../src/takeFirst.ts';

test('the first items are those of the sorted list', () => {
  const numbers = fc.uniqueArray(fc.integer(), { minLength: 0, maxLength: 6000, size: 'max' });
  fc.assert(
    fc.property(numbers, fc.integer({ min: 1, max: 300 }), (items, count) => {
      const compare = (a: number, b: number) => a - b;
      const first = takeFirst(count, compare);
      for (const item of items) {
        first.add(item);
      }
      expect(first.list()).toEqual([...items].sort(compare).slice(0, count));
    }),
    // A list of thousands takes minutes to shrink.
    { numRuns: 50, endOnFailure: true },
  );
});
