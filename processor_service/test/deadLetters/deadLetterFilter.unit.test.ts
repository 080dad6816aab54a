import { expect, test, vi } from 'vitest';
import { readTime } from '../../src/deadLetters/deadLetterFilter.ts';

// JavaScript reads a time without a zone in the zone of the machine.
vi.stubEnv('TZ', 'America/New_York');

test.each([
  ['2025-01-01', '2025-01-01T00:00:00.000Z'],
  ['2025-01-01T00:00', '2025-01-01T00:00:00.000Z'],
  ['2025-01-01T00:00:01.5', '2025-01-01T00:00:01.500Z'],
  ['2025-01-01T00:00:00Z', '2025-01-01T00:00:00.000Z'],
  ['2025-01-01T00:00+02:00', '2024-12-31T22:00:00.000Z'],
])('%s means %s, whatever the zone of the machine', (text, time) => {
  expect(readTime(text)?.toISOString()).toBe(time);
});

test.each(['yesterday', '1', '2025-13-01', '2025-01-01 00:00', '12 November 2025'])(
  '%s is rejected',
  (text) => {
    expect(() => readTime(text)).toThrow(`${text} is not a time. Write it as 2025-11-12T00:00:00Z.`);
  },
);
