const [QUOTE, BACKSLASH, COMMA] = [0x22, 0x5c, 0x2c];
const [OPEN_BRACE, CLOSE_BRACE, OPEN_BRACKET, CLOSE_BRACKET] = [0x7b, 0x7d, 0x5b, 0x5d];
const SPACES = new Set([0x20, 0x09, 0x0a, 0x0d]);

/** The key of the list, as JSON. */
const EVENTS_KEY = Buffer.from('"events"');

/** The depth of the list's items in the job's data. */
const ITEM_DEPTH = 2;

/**
 * Yields the items of the list in the data of a batch job, `{"events": [...]}`, as JSON. Does not parse the
 * data, which would take many times its memory, so an item may be invalid JSON.
 *
 * @throws Error if the data ends before its JSON does.
 */
export function* scanBatchItems(data: Buffer): Generator<Buffer> {
  const find = createFinder(data);
  let depth = 0;
  /** The last string outside the list. When a value begins, it is the key. */
  let text = data.subarray(0, 0);
  let isInList = false;
  let itemStart: number | undefined;

  for (let index = 0; index < data.length; index += 1) {
    const byte = data[index] as number;
    const endsItem = byte === COMMA || byte === CLOSE_BRACKET;
    if (isInList && depth === ITEM_DEPTH && itemStart !== undefined && endsItem) {
      yield data.subarray(itemStart, index);
      itemStart = undefined;
    } else if (isInList && itemStart === undefined && !endsItem && !SPACES.has(byte)) {
      itemStart = index;
    }
    if (byte === QUOTE) {
      const end = findStringEnd(find, index);
      text = isInList ? text : data.subarray(index, end + 1);
      index = end;
    } else if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
      isInList ||= byte === OPEN_BRACKET && depth === 1 && text.equals(EVENTS_KEY);
      depth += 1;
    } else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) {
      depth -= 1;
      isInList &&= depth >= ITEM_DEPTH;
    }
  }
  if (depth !== 0) {
    throw new Error("The job's data ends before its JSON does.");
  }
}

type Finder = (byte: typeof QUOTE | typeof BACKSLASH, from: number) => number;

/**
 * Finds the next index of a byte, or the end of the data. Caches the result, because the next backslash may
 * be many strings away.
 */
function createFinder(data: Buffer): Finder {
  const known = new Map<number, number>();
  return (byte, from) => {
    let at = known.get(byte) ?? -1;
    if (at < from) {
      at = data.indexOf(byte, from);
      at = at < 0 ? data.length : at;
      known.set(byte, at);
    }
    return at;
  };
}

/** The index of the quote that ends the string at `start`. */
function findStringEnd(find: Finder, start: number): number {
  let from = start + 1;
  for (;;) {
    const quote = find(QUOTE, from);
    const backslash = find(BACKSLASH, from);
    if (quote <= backslash) {
      return quote;
    }
    from = backslash + 2;
  }
}
