export interface GroupCommitOptions<Item, Result> {
  /**
   * Writes a group of items. Resolves with one result for each, in their order. An Error among the results
   * rejects its item; a rejection rejects all.
   */
  write: (items: Item[]) => Promise<(Result | Error)[]>;
  /** The most concurrent writes. */
  maxInFlight: number;
  /** The concurrent writes that start with any number of items. Further ones need a full group. */
  maxEagerInFlight: number;
  /** Whether the pending items are a full group. Called at each submission. Absent: they never are. */
  isFull?: (pending: readonly Item[], itemsInFlight: number) => boolean;
  /** How many of the pending items form the next group, at least 1. Absent: all of them. */
  takeCount?: (pending: readonly Item[]) => number;
}

export interface GroupCommit<Item, Result> {
  /** Resolves with the item's result once the write that contains the item is acknowledged. */
  submit(item: Item): Promise<Result>;
  /** Resolves when no item is pending and no write is in flight. */
  drain(): Promise<void>;
}

/**
 * Group commit: items that are submitted while writes are in flight go out together in the next one. There is
 * no timer. It is always in one of three modes:
 *
 * - Idle: fewer than `maxEagerInFlight` writes are in flight. A submitted item waits until the end of the
 *   event
 *   loop's turn, so that all items of the turn share a write.
 * - Busy: items are pending until a write is acknowledged, or until they are a full group. The next write
 * starts before the results of the acknowledged one are delivered, so that the server does not wait for this
 *   process.
 * - Saturated: `maxInFlight` writes are in flight. Items are pending until one is acknowledged.
 *
 * Its functions stay together, although they are more than 60 lines, because they share one small state.
 */
export function createGroupCommit<Item, Result>({
  write,
  maxInFlight,
  maxEagerInFlight,
  isFull = () => false,
  takeCount = (pending) => pending.length,
}: GroupCommitOptions<Item, Result>): GroupCommit<Item, Result> {
  /** The items and their callbacks have the same indexes. */
  const pending: Item[] = [];
  const callbacks: Callbacks<Result>[] = [];
  const inFlight = new Set<Promise<void>>();
  let itemsInFlight = 0;
  let isFlushScheduled = false;

  function scheduleFlush(): void {
    if (isFlushScheduled) {
      return;
    }
    isFlushScheduled = true;
    setImmediate(() => {
      isFlushScheduled = false;
      flush();
    });
  }

  function flush(): void {
    while (pending.length > 0 && (inFlight.size < maxEagerInFlight || mayStartFull())) {
      start();
    }
  }

  function mayStartFull(): boolean {
    return isFull(pending, itemsInFlight) && inFlight.size < maxInFlight;
  }

  function start(): void {
    const count = takeCount(pending);
    const items = pending.splice(0, count);
    const waiting = callbacks.splice(0, count);
    itemsInFlight += count;
    const written = write(items)
      .catch((error: Error) => items.map(() => error))
      .then((results) => {
        inFlight.delete(written);
        itemsInFlight -= count;
        flush();
        settle(waiting, results);
      });
    inFlight.add(written);
  }

  return {
    submit: (item) =>
      new Promise((resolve, reject) => {
        pending.push(item);
        callbacks.push({ resolve, reject });
        if (mayStartFull()) {
          start();
        } else {
          scheduleFlush();
        }
      }),
    drain: async () => {
      while (pending.length > 0 || inFlight.size > 0) {
        await Promise.all(inFlight);
        await new Promise(setImmediate);
      }
    },
  };
}

interface Callbacks<Result> {
  resolve: (result: Result) => void;
  reject: (error: Error) => void;
}

function settle<Result>(waiting: readonly Callbacks<Result>[], results: readonly (Result | Error)[]): void {
  for (const [index, { resolve, reject }] of waiting.entries()) {
    const result = results[index];
    if (result instanceof Error) {
      reject(result);
    } else {
      resolve(result as Result);
    }
  }
}
