/** The first `count` items in the order of `compare`, without sorting all of the others. */
export function takeFirst<Item>(
  items: Iterable<Item>,
  count: number,
  compare: (a: Item, b: Item) => number,
): Item[] {
  let first: Item[] = [];
  let last: Item | undefined;
  for (const item of items) {
    if (last === undefined || compare(item, last) < 0) {
      first.push(item);
      if (first.length >= 2 * count + 1000) {
        first = first.sort(compare).slice(0, count);
        last = first.at(-1);
      }
    }
  }
  return first.sort(compare).slice(0, count);
}
