/**
 * Reads for each item and yields the results in the order of the items. Runs up to `count` reads at a time,
 * including the one that the consumer waits for.
 */
export async function* prefetch<Item, Result>(
  items: Iterable<Item>,
  count: number,
  read: (item: Item) => Promise<Result>,
): AsyncGenerator<Result> {
  const pending: Promise<Result>[] = [];
  for (const item of items) {
    const result = read(item);
    // The `await` below reports a failure. After an earlier failure there is no `await`, and no need for one.
    result.catch(() => {});
    pending.push(result);
    if (pending.length >= count) {
      yield (await pending.shift()) as Result;
    }
  }
  yield* pending;
}
