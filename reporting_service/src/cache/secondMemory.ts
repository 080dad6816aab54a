/** Past this, questions of one second are understood anew each time. */
const MAX_ENTRIES = 1000;

/**
 * A longer text is not remembered, so that a memory takes a few megabytes at most. Few questions are as long.
 */
const MAX_TEXT_LENGTH = 2000;

/**
 * Remembers what follows from a text and from the second of the clock: local days begin and end with a whole
 * second, so that `today` is the same for all who ask within one. What throws is not remembered.
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
    if (values.size < MAX_ENTRIES && text.length <= MAX_TEXT_LENGTH) {
      values.set(text, value);
    }
    return value;
  };
}
