import { expect, test } from 'vitest';
import { keepTrying } from '../../src/async/keepTrying.ts';

/** An operation that fails as often as given, and a record of what the log gets. */
function start(failures: number, onCall: () => void = () => {}) {
  const logged: string[] = [];
  let calls = 0;
  return {
    logged,
    operation: async () => {
      calls += 1;
      onCall();
      if (calls <= failures) {
        throw new Error(`failure ${calls}`);
      }
    },
    log: { failed: ({ message }: Error) => logged.push(message), recovered: () => logged.push('recovered') },
  };
}

test.each([
  [0, ['recovered']],
  [1, ['failure 1', 'recovered']],
  [3, ['failure 1', 'failure 2', 'failure 3', 'recovered']],
])(
  'an operation that fails %i times is repeated until it succeeds, and the log gets each attempt',
  async (failures, expected) => {
    const { operation, log, logged } = start(failures);
    const { signal } = new AbortController();

    expect(await keepTrying(operation, { log, signal, minDelayMs: 1 })).toBe(true);
    expect(logged).toEqual(expected);
  },
);

test('an abort ends the attempts without an error, a recovery or the rest of the wait', async () => {
  const stopping = new AbortController();
  const { operation, log, logged } = start(9, () => setImmediate(() => stopping.abort()));

  const isDone = await keepTrying(operation, {
    log,
    signal: stopping.signal,
    minDelayMs: 60_000,
    maxDelayMs: 60_000,
  });

  expect([isDone, logged]).toEqual([false, ['failure 1']]);
});

test('an error that is not transient is thrown, unless the signal has aborted', async () => {
  const stopping = new AbortController();
  const { operation, log, logged } = start(9);
  const options = { log, signal: stopping.signal, isTransient: () => false };

  await expect(keepTrying(operation, options)).rejects.toThrow('failure 1');
  stopping.abort();
  expect([await keepTrying(operation, options), logged]).toEqual([false, []]);
});
