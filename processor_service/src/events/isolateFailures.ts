export interface Isolation<Item, Outcome> {
  /** Does something with all items at once. Doing it again with some of them must be safe. */
  work: (items: readonly Item[]) => Promise<Outcome[]>;
  /** Whether a failure is nobody's fault: it is thrown on. */
  isPassing: (error: unknown) => boolean;
  /** Finds out without `work` whether an item makes it fail, and if so what becomes of the item. */
  findFault: (item: Item) => Outcome | undefined;
  /** What becomes of an item with which alone `work` failed. */
  toOutcome: (error: unknown) => Outcome;
}

/**
 * Works on items together; if that fails, finds the items that make it fail and works on the others without
 * them. Items whose fault can be found are set aside first. Without any, the items are halved until each
 * culprit stands alone.
 *
 * @throws The failure of `work`, if it is nobody's fault.
 */
export async function isolateFailures<Item, Outcome>(
  items: readonly Item[],
  isolation: Isolation<Item, Outcome>,
): Promise<Outcome[]> {
  const { work, isPassing, findFault, toOutcome } = isolation;
  try {
    return await work(items);
  } catch (error) {
    if (isPassing(error)) {
      throw error;
    }
    const faults = items.map(findFault);
    if (faults.some((fault) => fault !== undefined)) {
      const sound = items.filter((_, index) => faults[index] === undefined);
      const outcomes = sound.length > 0 ? await isolateFailures(sound, isolation) : [];
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
