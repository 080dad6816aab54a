import { setImmediate as nextTurn } from 'node:timers/promises';
import { waitUntil } from '@analytics/local-stack/testing/waitUntil';
import { expect, test } from 'vitest';
import { type Repetition, repeatEvery } from '../../src/async/repeatEvery.ts';

const MINUTE_MS = 60_000;

/** A repetition whose runs a test ends. */
function start(intervalMs: number) {
  const ends: ((pauseMs?: number) => void)[] = [];
  const signals: AbortSignal[] = [];
  const repetition = repeatEvery(intervalMs, (signal) => {
    signals.push(signal);
    return new Promise((resolve) => ends.push(resolve));
  });
  return { ...repetition, ends, signals };
}

test('work runs at once, and again the interval after each end', async () => {
  const startedAt: number[] = [];
  const endedAt: number[] = [];
  let repetition: Repetition | undefined;
  await new Promise<void>((resolve) => {
    repetition = repeatEvery(20, async () => {
      startedAt.push(performance.now());
      if (startedAt.length === 4) {
        resolve();
      }
      await nextTurn();
      endedAt.push(performance.now());
    });
  });
  await repetition?.stop();

  const pauses = startedAt.slice(1).map((time, index) => time - (endedAt[index] ?? 0));
  // A timer may fire up to a millisecond early.
  expect(pauses.map((pause) => pause >= 19)).toEqual([true, true, true]);
});

test('work can choose the pause after it', async () => {
  const { stop, ends } = start(MINUTE_MS);
  ends[0]?.(1);

  await waitUntil(() => ends.length === 2);
  ends[1]?.();
  await stop();
});

test('runNow ends the pause', async () => {
  const { runNow, stop, ends } = start(MINUTE_MS);
  expect(ends.length).toBe(1);
  ends[0]?.();
  await nextTurn();
  expect(ends.length).toBe(1);

  runNow();
  await nextTurn();

  expect(ends.length).toBe(2);
  ends[1]?.();
  await stop();
});

test('runNow during a run starts one more run after it, however often it is called', async () => {
  const { runNow, stop, ends } = start(MINUTE_MS);
  runNow();
  runNow();
  await nextTurn();
  expect(ends.length).toBe(1);

  ends[0]?.();
  await nextTurn();
  expect(ends.length).toBe(2);
  ends[1]?.();
  await nextTurn();
  expect(ends.length).toBe(2);
  await stop();
});

test('stop aborts the signal, waits for the current run and starts no other', async () => {
  const { stop, ends, signals } = start(0);
  let isStopped = false;
  const stopped = stop().then(() => {
    isStopped = true;
  });
  await nextTurn();
  expect([isStopped, signals[0]?.aborted]).toEqual([false, true]);

  ends[0]?.();
  await stopped;
  expect(ends.length).toBe(1);
});
