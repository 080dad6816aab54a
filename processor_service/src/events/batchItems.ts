const [QUOTE, BACKSLASH, COMMA] = [0x22, 0x5c, 0x2c];
const [OPEN_BRACE, CLOSE_BRACE, OPEN_BRACKET, CLOSE_BRACKET] = [0x7b, 0x7d, 0x5b, 0x5d];
const SPACES = new Set([0x20, 0x09, 0x0a, 0x0d]);

/** The key whose value is the list, as JSON. */
const EVENTS_KEY = Buffer.from('"events"');

/** The list's items are this deep in the job's data. */
const ITEM_DEPTH = 2;

/**
 * Cuts the data of a batch job, `{"events": [...]}`, into the items of its list without parsing it as a
 * whole, which takes many times its memory. Whether an item is valid JSON shows when it is parsed.
 *
 * @throws Error if the data ends before its JSON does.
 */
export function* scanBatchItems(data: Buffer): Generator<Buffer> {
  const find = createFinder(data);
  let depth = 0;
  /** The last string outside of the list: the key, when a value begins. */
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
 * Finds where a byte is next, or the end of the data, and remembers it: the next backslash may be far behind
 * many strings.
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

/** Where the string ends that begins at `start`. */
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
