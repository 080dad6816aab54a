/** Releases a permit. Further calls do nothing. */
export type Release = () => void;

export interface LimiterOptions {
  /** The number of permits. */
  maxRunning: number;
  /** The most permits of one owner. */
  maxRunningOfOwner: number;
  /** The most callers that wait for a permit. */
  maxWaiting: number;
}

export interface Limiter {
  /**
   * Waits for a permit. Waiting owners are served in rotation, however many permits each of them waits for.
   *
   * @throws TooManyWaitingError immediately, if too many wait.
   * @throws the signal's reason if it aborts before a permit is free.
   */
  acquire(owner: string, signal?: AbortSignal): Promise<Release>;
  /** The permits in use. */
  readonly running: number;
  /** The callers that wait for a permit. */
  readonly waiting: number;
}

/** Too many callers wait for a permit. */
export class TooManyWaitingError extends Error {
  override readonly name = 'TooManyWaitingError';
}

/** A semaphore that divides its permits fairly among owners. */
export function createLimiter({ maxRunning, maxRunningOfOwner, maxWaiting }: LimiterOptions): Limiter {
  const running = new Map<string, number>();
  /** The waiting owners, in the order in which they are served. */
  const waiting = new Map<string, Set<() => void>>();
  let runningCount = 0;
  let waitingCount = 0;

  const isAllowed = (owner: string) => (running.get(owner) ?? 0) < maxRunningOfOwner;

  function begin(owner: string): Release {
    runningCount += 1;
    running.set(owner, (running.get(owner) ?? 0) + 1);
    let isOver = false;
    return () => {
      if (!isOver) {
        isOver = true;
        end(owner);
        beginNext();
      }
    };
  }

  function end(owner: string): void {
    runningCount -= 1;
    const left = (running.get(owner) ?? 0) - 1;
    if (left > 0) {
      running.set(owner, left);
    } else {
      running.delete(owner);
    }
  }

  function beginNext(): void {
    for (const [owner, line] of waiting) {
      if (runningCount >= maxRunning) {
        return;
      }
      const [next] = line;
      if (next && isAllowed(owner)) {
        // The owner is served last the next time.
        waiting.delete(owner);
        waiting.set(owner, line);
        next();
      }
    }
  }

  function leaveLine(owner: string, line: Set<() => void>, waiter: () => void): void {
    waitingCount -= 1;
    line.delete(waiter);
    if (line.size === 0) {
      waiting.delete(owner);
    }
  }

  return {
    get running() {
      return runningCount;
    },
    get waiting() {
      return waitingCount;
    },
    acquire: (owner, signal) =>
      new Promise((resolve, reject) => {
        signal?.throwIfAborted();
        if (runningCount < maxRunning && isAllowed(owner)) {
          resolve(begin(owner));
          return;
        }
        if (waitingCount >= maxWaiting) {
          throw new TooManyWaitingError(`${waitingCount} callers wait for a permit already.`);
        }
        const line = waiting.get(owner) ?? new Set();
        waiting.set(owner, line);
        waitingCount += 1;
        const giveUp = () => {
          leaveLine(owner, line, start);
          reject(signal?.reason);
        };
        const start = () => {
          signal?.removeEventListener('abort', giveUp);
          leaveLine(owner, line, start);
          resolve(begin(owner));
        };
        signal?.addEventListener('abort', giveUp, { once: true });
        line.add(start);
      }),
  };
}
