import { waitUntil } from '@analytics/local-stack/testing/waitUntil';
import { expect, test } from 'vitest';
import { createLatestCheck } from '../../src/cache/latestCheck.ts';

/** Checks that end when the test ends them, and answer with their number. */
function startChecks() {
  const checkLatest = createLatestCheck<number>();
  const begun: { pass: () => void; fail: (error: Error) => void }[] = [];
  const check = () =>
    new Promise<number>((resolve, reject) => {
      const number = begun.length;
      begun.push({ pass: () => resolve(number), fail: reject });
    });
  return { begun, ask: (key: string) => checkLatest(key, check) };
}

test('simultaneous requests share a check, and requests that arrive during it get the next one', async () => {
  const { begun, ask } = startChecks();
  const first = [ask('a'), ask('a'), ask('a')];
  await waitUntil(() => begun.length === 1);
  const during = [ask('a'), ask('a')];

  begun[0]?.pass();
  expect(await Promise.all(first)).toEqual([0, 0, 0]);
  const after = ask('a');
  await waitUntil(() => begun.length === 2);
  begun[1]?.pass();

  expect(await Promise.all([...during, after])).toEqual([1, 1, 1]);
  expect(begun).toHaveLength(2);
});

test('a check does not wait for one of another key', async () => {
  const { begun, ask } = startChecks();
  const answers = [ask('a'), ask('b')];

  await waitUntil(() => begun.length === 2);
  begun[1]?.pass();
  begun[0]?.pass();

  expect((await Promise.all(answers)).toSorted()).toEqual([0, 1]);
});

test('a failed check fails only the requests that share it', async () => {
  const { begun, ask } = startChecks();
  const failing = expect(ask('a')).rejects.toThrow('MongoDB is away');
  await waitUntil(() => begun.length === 1);
  const next = ask('a');

  begun[0]?.fail(new Error('MongoDB is away'));
  await failing;
  await waitUntil(() => begun.length === 2);
  begun[1]?.pass();

  expect(await next).toBe(1);
});
