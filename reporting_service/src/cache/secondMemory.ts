/** Past this, questions of one second are understood anew each time. */
const MAX_ENTRIES = 1000;

/**
 * Remembers what follows from a text and from the second of the clock: local days begin and end with a whole second, so that `today`
 * is the same for all who ask within one. What throws is not remembered.
 */
export function createSecondMemory<Value>(
  now: () => number,
): (text: string, make: (nowMs: number) => Value) => Value {
  const values = new Map<string, Value>();
  let second = Number.NaN;
  return (text, make) => {
    const nowMs = now();
    const currentSecond = Math.floor(nowMs / 1000);
    if (currentSecond !== second) {
      values.clear();
      second = currentSecond;
    }
    const known = values.get(text);
    if (known !== undefined) {
      return known;
    }
    const value = make(nowMs);
    if (values.size < MAX_ENTRIES) {
      values.set(text, value);
    }
    return value;
  };
}
