/**
 * Reads for each item, and yields the results in the order of the items. `count` of them are being read at a
 * time, one of which is the one that is waited for.
 */
export async function* readAhead<Item, Result>(
  items: Iterable<Item>,
  count: number,
  read: (item: Item) => Promise<Result>,
): AsyncGenerator<Result> {
  const begun: Promise<Result>[] = [];
  for (const item of items) {
    const result = read(item);
    // Whoever waits for it meets its failure. If nobody does, because another failed before, there is nothing
    // to tell.
    result.catch(() => {});
    begun.push(result);
    if (begun.length >= count) {
      yield (await begun.shift()) as Result;
    }
  }
  yield* begun;
}
