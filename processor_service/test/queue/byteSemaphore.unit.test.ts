import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect, test } from 'vitest';
import { ByteSemaphore } from '../../src/queue/byteSemaphore.ts';

/** Acquires bytes in order. `granted` lists what was granted, and `refused` what `close` refused. */
function acquireAll(semaphore: ByteSemaphore, ...requests: number[]) {
  const granted: number[] = [];
  const refused: number[] = [];
  for (const bytes of requests) {
    void semaphore.acquire(bytes).then((isAcquired) => (isAcquired ? granted : refused).push(bytes));
  }
  return { granted, refused };
}

test.each([
  [
    [4, 6],
    [4, 6],
  ],
  [[4, 7, 1], [4]],
  [[11, 1], [11]],
  [[1, 11, 2], [1]],
])('of the requests %j, a semaphore of 10 bytes grants %j in their order', async (requests, expected) => {
  const { granted } = acquireAll(new ByteSemaphore(10), ...requests);
  await nextTurn();

  expect(granted).toEqual(expected);
});

test('a release grants the next requests that fit, and one that exceeds the limit once it is alone', async () => {
  const semaphore = new ByteSemaphore(10);
  const { granted } = acquireAll(semaphore, 6, 4, 3, 2, 11, 1);
  await nextTurn();
  expect(granted).toEqual([6, 4]);

  for (const [released, expected] of [
    [6, [6, 4, 3, 2]],
    [4, [6, 4, 3, 2]],
    [3, [6, 4, 3, 2]],
    [2, [6, 4, 3, 2, 11]],
    [11, [6, 4, 3, 2, 11, 1]],
  ] as const) {
    semaphore.release(released);
    await nextTurn();
    expect(granted).toEqual(expected);
  }
});

test('close refuses the waiting requests and all later ones', async () => {
  const semaphore = new ByteSemaphore(10);
  const before = acquireAll(semaphore, 8, 3);
  semaphore.close();
  const after = acquireAll(semaphore, 1);
  await nextTurn();

  expect([before, after]).toEqual([
    { granted: [8], refused: [3] },
    { granted: [], refused: [1] },
  ]);
});
