import { expect, test } from 'vitest';
import { createPerSecondMemo } from '../../src/cache/memoizePerSecond.ts';

test('a derived value is computed once a second', () => {
  let nowMs = 1_000_000;
  const made: string[] = [];
  const remember = createPerSecondMemo<string>(() => nowMs);
  const ask = (text: string) =>
    remember(text, (atMs) => {
      made.push(`${text} ${atMs}`);
      return `${text} at ${atMs}`;
    });

  expect([ask('a'), ask('b'), ask('a')]).toEqual(['a at 1000000', 'b at 1000000', 'a at 1000000']);
  nowMs = 1_000_999;
  expect(ask('a')).toBe('a at 1000000');
  nowMs = 1_001_000;
  expect([ask('a'), ask('a')]).toEqual(['a at 1001000', 'a at 1001000']);
  expect(made).toEqual(['a 1000000', 'b 1000000', 'a 1001000']);
});

test('errors are not memoized, nor are more than a thousand texts', () => {
  const remember = createPerSecondMemo<number>(() => 0);
  let count = 0;
  const fail = () => {
    count += 1;
    throw new Error('wrong');
  };
  expect(() => remember('a', fail)).toThrow('wrong');
  expect(() => remember('a', fail)).toThrow('wrong');
  expect(count).toBe(2);

  for (let text = 0; text < 1000; text += 1) {
    remember(String(text), () => text);
  }
  expect(remember('999', () => -1)).toBe(999);
  expect([remember('more', () => 1), remember('more', () => 2)]).toEqual([1, 2]);
});

test('a text of more than two thousand characters is not memoized: a URL may have 32 KiB', () => {
  const remember = createPerSecondMemo<number>(() => 0);
  const [long, tooLong] = ['a'.repeat(2000), 'a'.repeat(2001)];

  expect([remember(long, () => 1), remember(long, () => 2)]).toEqual([1, 1]);
  expect([remember(tooLong, () => 1), remember(tooLong, () => 2)]).toEqual([1, 2]);
});
