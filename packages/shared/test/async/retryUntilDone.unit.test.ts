import { expect, test } from 'vitest';
import { retryUntilDone } from '../../src/async/retryUntilDone.ts';

class TransientError extends Error {}
const isTransient = (error: unknown) => error instanceof TransientError;

function createOperation(failures: number, error: Error = new TransientError('away')) {
  const calledAt: number[] = [];
  const operation = async () => {
    calledAt.push(performance.now());
    if (calledAt.length <= failures) {
      throw error;
    }
    return 'done';
  };
  return { operation, calledAt };
}

test('a transient failure is repeated until the success, and each is reported', async () => {
  const messages: string[] = [];
  const { operation, calledAt } = createOperation(4);

  const result = await retryUntilDone(operation, {
    isTransient,
    onFailure: (error) => messages.push(error.message),
    signal: new AbortController().signal,
    minDelayMs: 1,
  });

  expect([result, calledAt.length, messages]).toEqual(['done', 5, ['away', 'away', 'away', 'away']]);
});

test('the waits grow from the least to the cap, and never fall below half of it', async () => {
  const { operation, calledAt } = createOperation(6);

  await retryUntilDone(operation, {
    isTransient,
    onFailure: () => {},
    signal: new AbortController().signal,
    minDelayMs: 10,
    maxDelayMs: 40,
  });

  const waits = calledAt.slice(1).map((time, index) => time - (calledAt[index] ?? 0));
  const leastWaits = [5, 10, 20, 20, 20, 20];
  // A timer may fire up to a millisecond early.
  expect(waits.map((wait, index) => wait >= (leastWaits[index] ?? 0) - 1)).toEqual(
    leastWaits.map(() => true),
  );
});

test('any other failure is thrown immediately', async () => {
  const { operation, calledAt } = createOperation(1, new Error('broken'));
  const options = { isTransient, onFailure: () => {}, signal: new AbortController().signal };

  await expect(retryUntilDone(operation, options)).rejects.toThrow('broken');
  expect(calledAt.length).toBe(1);
});

test('the signal ends a wait immediately, with the last failure', async () => {
  const stopping = new AbortController();
  const { operation } = createOperation(Number.POSITIVE_INFINITY);
  const startedAt = performance.now();

  const retried = retryUntilDone(operation, {
    isTransient,
    onFailure: () => setImmediate(() => stopping.abort()),
    signal: stopping.signal,
    minDelayMs: 60_000,
    maxDelayMs: 60_000,
  });

  await expect(retried).rejects.toThrow(TransientError);
  expect(performance.now() - startedAt).toBeLessThan(5000);
});
