/** Runs `work` for each item, for at most `limit` items at a time. */
export async function forEachConcurrent<Item>(
  limit: number,
  items: Iterable<Item>,
  work: (item: Item) => Promise<void>,
): Promise<void> {
  const iterator = items[Symbol.iterator]();
  await Promise.all(
    Array.from({ length: limit }, async () => {
      for (let next = iterator.next(); !next.done; next = iterator.next()) {
        await work(next.value);
      }
    }),
  );
}
