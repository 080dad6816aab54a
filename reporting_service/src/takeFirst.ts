/** Takes items one after another, and knows the first of them in an order. */
export interface FirstItems<Item> {
  add(item: Item): void;
  /** The first ones so far, in order. */
  list(): Item[];
}

/** Takes the first `count` items in the order of `compare`, without sorting or holding all of the others. */
export function takeFirst<Item>(count: number, compare: (a: Item, b: Item) => number): FirstItems<Item> {
  let first: Item[] = [];
  let last: Item | undefined;
  const cut = () => first.sort(compare).slice(0, count);
  return {
    add: (item) => {
      if (last === undefined || compare(item, last) < 0) {
        first.push(item);
        if (first.length >= 2 * count + 1000) {
          first = cut();
          last = first.at(-1);
        }
      }
    },
    list: cut,
  };
}
