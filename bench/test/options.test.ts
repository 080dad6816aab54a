import { expect, test } from 'vitest';
import { PART_NAMES, readOptions } from '../src/options.ts';

test('without a part, all parts run', () => {
  expect(readOptions([])?.parts).toEqual([...PART_NAMES]);
});

test('parts run in a fixed order', () => {
  expect(readOptions(['memory', 'ingest'])?.parts).toEqual(['ingest', 'memory']);
});

test('--rounds and --seconds override the defaults of every part', () => {
  const settings = readOptions(['--rounds', '7', '--seconds', '4'])?.settingsOf('ingest');
  expect(settings).toMatchObject({ rounds: 7, seconds: 4 });
});

test('--help is not a run', () => {
  expect(readOptions(['--help'])).toBeUndefined();
});

test.each([
  { args: ['ingests'], message: 'There is no part "ingests"; the parts are ingest, batch' },
  { args: ['--rounds', '0'], message: '--rounds must be a whole number from 1 to 99999, not "0"' },
  { args: ['--seconds=1.5'], message: '--seconds must be a whole number' },
  { args: ['--fast'], message: "Unknown option '--fast'" },
])('$args is rejected with a sentence', ({ args, message }) => {
  expect(() => readOptions(args)).toThrow(message);
});
