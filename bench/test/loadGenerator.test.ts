import { expect, test } from 'vitest';
import { remarkTrouble } from '../src/loadGenerator.ts';

const CLEAN = { seconds: 3, accepted: 52_547, unavailable: 0, otherErrors: 0, socketErrors: 0, p99Ms: 21.2 };

test('a run without errors gets no remark', () => {
  expect(remarkTrouble([{ name: 'this', samples: [CLEAN, CLEAN] }])).toEqual([]);
});

test('the errors of all rounds are added up by kind', () => {
  const samples = [
    { ...CLEAN, unavailable: 1200 },
    { ...CLEAN, unavailable: 34, socketErrors: 2 },
  ];
  expect(remarkTrouble([{ name: 'this', samples }])).toEqual([
    'this: 1,234 answers of 503 (overloaded), 2 socket errors',
  ]);
});
