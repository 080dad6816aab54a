/** Runs for each item, for `count` of them at a time. */
export async function runAtOnce<Item>(
  count: number,
  items: Iterable<Item>,
  run: (item: Item) => Promise<void>,
): Promise<void> {
  const line = items[Symbol.iterator]();
  await Promise.all(
    Array.from({ length: count }, async () => {
      for (let next = line.next(); !next.done; next = line.next()) {
        await run(next.value);
      }
    }),
  );
}
