/** Takes items one by one, and keeps the first of them in an order. */
export interface TopK<Item> {
  add(item: Item): void;
  /** Removes the last `howMany` of those that are kept, and returns them in order. */
  takeLast(howMany: number): Item[];
}

/**
 * Keeps the first `count` items in the order of `compare`, in a binary heap whose root is the last of them
 * (https://en.wikipedia.org/wiki/Binary_heap). Each step takes `2 * log2(count)` comparisons at most: sorting
 * a hundred thousand items at once would hold the event loop for most of a second.
 */
export function createTopK<Item>(count: number, compare: (a: Item, b: Item) => number): TopK<Item> {
  const heap: Item[] = [];
  const isBefore = (a: number, b: number) => compare(heap[a] as Item, heap[b] as Item) < 0;

  function swap(a: number, b: number): void {
    const item = heap[a] as Item;
    heap[a] = heap[b] as Item;
    heap[b] = item;
  }

  /** Moves the item at the end up to its place. */
  function rise(): void {
    let at = heap.length - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(parent, at)) {
        return;
      }
      swap(parent, at);
      at = parent;
    }
  }

  /** Moves the item at the root down to its place. */
  function sink(): void {
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child + 1 < heap.length && isBefore(child, child + 1)) {
        child += 1;
      }
      if (child >= heap.length || !isBefore(at, child)) {
        return;
      }
      swap(at, child);
      at = child;
    }
  }

  return {
    add: (item) => {
      if (heap.length < count) {
        heap.push(item);
        rise();
      } else if (count > 0 && compare(item, heap[0] as Item) < 0) {
        heap[0] = item;
        sink();
      }
    },
    takeLast: (howMany) => {
      const last: Item[] = [];
      while (last.length < howMany && heap.length > 0) {
        swap(0, heap.length - 1);
        last.push(heap.pop() as Item);
        sink();
      }
      return last.reverse();
    },
  };
}
