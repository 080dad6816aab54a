import { setTimeout as delay } from 'node:timers/promises';

/**
 * Waits on a condition: repeats `read` until `isDone` holds for its value and resolves with that value.
 *
 * @throws Error with the last value if the condition does not hold within `timeoutMs`.
 */
export async function waitUntil<Value>(
  read: () => Value | Promise<Value>,
  isDone: (value: Value) => boolean = Boolean,
  timeoutMs = 15_000,
): Promise<Value> {
  const deadline = Date.now() + timeoutMs;
  for (;;) {
    const value = await read();
    if (isDone(value)) {
      return value;
    }
    if (Date.now() > deadline) {
      throw new Error(
        `The condition did not hold within ${timeoutMs} ms. Last value: ${JSON.stringify(value)}`,
      );
    }
    await delay(20);
  }
}
