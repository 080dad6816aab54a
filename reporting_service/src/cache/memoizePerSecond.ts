/** Further requests of the same second are resolved each time. */
const MAX_ENTRIES = 1000;

/** Longer texts are not kept, so that the memo takes a few megabytes at most. Few URLs are as long. */
const MAX_TEXT_LENGTH = 2000;

/**
 * Memoizes a function of a text and the second of the clock. Local days begin with a whole second, so `today`
 * is the same within one. Errors are not memoized.
 */
export function createPerSecondMemo<Value>(
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
