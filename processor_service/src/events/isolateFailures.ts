export interface Isolation<Item, Outcome> {
  /** Works on items together. Must be safe to repeat with some of them. */
  work: (items: readonly Item[]) => Promise<Outcome[]>;
  /** Whether a failure is independent of the items. It is rethrown. */
  isTransient: (error: unknown) => boolean;
  /** Returns the outcome of an item that makes `work` fail, if that can be determined without `work`. */
  findFault: (item: Item) => Outcome | undefined;
  /** Returns the outcome of an item for which `work` fails with this item alone. */
  toOutcome: (error: unknown) => Outcome;
}

/**
 * Works on items together. If that fails, separates the faulty items and works on the others: first the items
 * for which `findFault` returns an outcome. If there are none, it bisects the items until each faulty one is
 * alone.
 *
 * @throws the error of `work`, if it is transient.
 */
export async function isolateFailures<Item, Outcome>(
  items: readonly Item[],
  isolation: Isolation<Item, Outcome>,
): Promise<Outcome[]> {
  const { work, isTransient, findFault, toOutcome } = isolation;
  try {
    return await work(items);
  } catch (error) {
    if (isTransient(error)) {
      throw error;
    }
    const faults = items.map(findFault);
    if (faults.some((fault) => fault !== undefined)) {
      const intact = items.filter((_, index) => faults[index] === undefined);
      const outcomes = intact.length > 0 ? await isolateFailures(intact, isolation) : [];
      return faults.map((fault) => fault ?? (outcomes.shift() as Outcome));
    }
    if (items.length === 1) {
      return [toOutcome(error)];
    }
    const middle = Math.ceil(items.length / 2);
    return [
      ...(await isolateFailures(items.slice(0, middle), isolation)),
      ...(await isolateFailures(items.slice(middle), isolation)),
    ];
  }
}
