import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createTopK } from '../../src/counts/topK.ts';

test('the end of the top items equals the sorted list', () => {
  const numbers = fc.uniqueArray(fc.integer(), { minLength: 0, maxLength: 6000, size: 'max' });
  fc.assert(
    fc.property(numbers, fc.integer({ min: 1, max: 300 }), fc.nat(300), (items, count, howMany) => {
      const compare = (a: number, b: number) => a - b;
      const first = createTopK(count, compare);
      for (const item of items) {
        first.add(item);
      }
      const sorted = [...items].sort(compare).slice(0, count);
      expect(first.takeLast(howMany)).toEqual(sorted.slice(Math.max(sorted.length - howMany, 0)));
    }),
    // A list of thousands takes minutes to shrink.
    { numRuns: 50, endOnFailure: true },
  );
});

test('no step sorts all items at once, which would block the event loop', () => {
  let compared = 0;
  const first = createTopK<number>(10_000, (a, b) => {
    compared += 1;
    return a - b;
  });
  const countComparisons = (step: () => void) => {
    compared = 0;
    step();
    return compared;
  };

  // Each number once, in no order.
  const steps = Array.from({ length: 40_009 }, (_, index) =>
    countComparisons(() => first.add((index * 7919) % 40_009)),
  );
  const page = countComparisons(() => expect(first.takeLast(2)).toEqual([9998, 9999]));

  // The heap has 14 levels.
  expect(Math.max(...steps)).toBeLessThanOrEqual(28);
  expect(page).toBeLessThanOrEqual(56);
});
