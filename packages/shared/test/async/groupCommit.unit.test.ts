import { setImmediate as nextTurn } from 'node:timers/promises';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { createGroupCommit, type GroupCommitOptions } from '../../src/async/groupCommit.ts';

/**
 * Starts a group commit whose writes a test acknowledges. `written` lists the groups in the order of their
 * writes.
 */
function start(options: Partial<GroupCommitOptions<number, string>> = {}) {
  const written: number[][] = [];
  const acknowledge: ((error?: Error) => void)[] = [];
  const groups = createGroupCommit<number, string>({
    maxInFlight: 2,
    maxEagerInFlight: 1,
    write: (items) =>
      new Promise((resolve, reject) => {
        written.push(items);
        acknowledge.push((error) => (error ? reject(error) : resolve(items.map((item) => `stored ${item}`))));
      }),
    ...options,
  });
  return { ...groups, written, acknowledge };
}

test('items of the same turn share a write, without a timer', async () => {
  const { submit, written, acknowledge } = start();
  const results = [submit(1), submit(2)];
  await Promise.resolve();
  results.push(submit(3));
  await nextTurn();

  expect(written).toEqual([[1, 2, 3]]);
  acknowledge[0]?.();
  expect(await Promise.all(results)).toEqual(['stored 1', 'stored 2', 'stored 3']);
});

test('items that arrive during a write go out together in the next one, before its results are delivered', async () => {
  const written: number[][] = [];
  let groupsAtResult = 0;
  // A promise reads `then` at the moment at which it is resolved.
  const result = Object.defineProperty({}, 'then', {
    get: () => {
      groupsAtResult ||= written.length;
    },
  });
  const acknowledge: (() => void)[] = [];
  const { submit } = createGroupCommit<number, object>({
    maxInFlight: 2,
    maxEagerInFlight: 1,
    write: (items) =>
      new Promise((resolve) => {
        written.push(items);
        acknowledge.push(() => resolve(items.map(() => result)));
      }),
  });
  const first = submit(1);
  await nextTurn();
  void submit(2);
  await nextTurn();
  void submit(3);
  await nextTurn();
  expect(written).toEqual([[1]]);

  acknowledge[0]?.();
  await first;

  expect(written).toEqual([[1], [2, 3]]);
  expect(groupsAtResult).toBe(2);
});

test('a full group starts at once, up to the limit of writes in flight', async () => {
  const { submit, written } = start({ isFull: (pending) => pending.length === 2 });
  for (const item of [1, 2, 3, 4, 5, 6]) {
    void submit(item);
  }

  expect(written).toEqual([
    [1, 2],
    [3, 4],
  ]);
});

test('isFull sees the pending items and the number in flight at each submission', async () => {
  const seen: [number, number][] = [];
  const { submit, acknowledge } = start({
    isFull: (pending, inFlight) => {
      seen.push([pending.length, inFlight]);
      return false;
    },
  });
  void submit(1);
  void submit(2);
  await nextTurn();
  void submit(3);

  expect(seen).toContainEqual([2, 0]);
  expect(seen.at(-1)).toEqual([1, 2]);

  acknowledge[0]?.();
  await nextTurn();
  void submit(4);
  expect(seen.at(-1)).toEqual([1, 1]);
});

test('a group has as many items as takeCount says; the others follow', async () => {
  const { submit, written, acknowledge } = start({ maxEagerInFlight: 2, takeCount: () => 2 });
  const results = [1, 2, 3, 4, 5].map(submit);
  await nextTurn();
  expect(written).toEqual([
    [1, 2],
    [3, 4],
  ]);

  acknowledge[1]?.();
  await results[3];
  expect(written).toEqual([[1, 2], [3, 4], [5]]);
});

test('a failed write rejects its items only, and an Error among the results its item only', async () => {
  const { submit, acknowledge } = start();
  const failed = [submit(0), submit(1)];
  await nextTurn();
  const stored = submit(2);
  acknowledge[0]?.(new Error('refused'));
  expect(await Promise.allSettled(failed)).toMatchObject([
    { status: 'rejected', reason: { message: 'refused' } },
    { status: 'rejected', reason: { message: 'refused' } },
  ]);
  acknowledge[1]?.();
  expect(await stored).toBe('stored 2');

  const mixed = createGroupCommit<number, number>({
    maxInFlight: 1,
    maxEagerInFlight: 1,
    write: async (items) => items.map((item) => (item === 2 ? new Error('two') : item)),
  });
  expect(await Promise.allSettled([mixed.submit(1), mixed.submit(2)])).toMatchObject([
    { status: 'fulfilled', value: 1 },
    { status: 'rejected', reason: { message: 'two' } },
  ]);
});

test('drain waits for pending items, too', async () => {
  const { submit, drain, acknowledge, written } = start();
  void submit(1);
  let isDrained = false;
  const draining = drain().then(() => {
    isDrained = true;
  });
  await nextTurn();
  void submit(2);
  acknowledge[0]?.();
  await nextTurn();
  expect([isDrained, written]).toEqual([false, [[1], [2]]]);
  acknowledge[1]?.();
  await draining;
});

test('every item is written once, in order, and gets its own result, whatever arrives when', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.nat({ max: 3 }), { minLength: 1, maxLength: 40 }),
      fc.integer({ min: 1, max: 3 }),
      fc.integer({ min: 1, max: 5 }),
      async (arrivals, maxInFlight, size) => {
        const written: number[] = [];
        let inFlight = 0;
        let most = 0;
        const { submit, drain } = createGroupCommit<number, number>({
          maxInFlight,
          maxEagerInFlight: 1,
          isFull: (pending) => pending.length >= size,
          takeCount: (pending) => Math.min(pending.length, size),
          write: async (items) => {
            inFlight += 1;
            most = Math.max(most, inFlight);
            written.push(...items);
            await nextTurn();
            inFlight -= 1;
            return items.map((item) => -item);
          },
        });
        const results: Promise<number>[] = [];
        for (const count of arrivals) {
          for (let index = 0; index < count; index += 1) {
            results.push(submit(results.length));
          }
          await nextTurn();
        }
        await drain();

        expect(written).toEqual(results.map((_, index) => index));
        expect(await Promise.all(results)).toEqual(written.map((item) => -item));
        expect(most).toBeLessThanOrEqual(maxInFlight);
      },
    ),
    { numRuns: 50 },
  );
});
