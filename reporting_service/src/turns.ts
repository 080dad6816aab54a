/** Gives up a turn. Further calls do nothing. */
export type PassTurn = () => void;

export interface TurnsOptions {
  /** How many turns there are at the same time. */
  maxRunning: number;
  /** How many of them one owner may have; the rest is left to others. */
  maxRunningOfOwner: number;
  /** How many may wait. */
  maxWaiting: number;
}

export interface Turns {
  /**
   * Waits for a turn. Owners that wait get turns one after another, however many each of them waits for.
   *
   * @throws TooManyWaitingError at once, if too many wait already.
   * @throws the signal's reason when it aborts before the turn came.
   */
  take(owner: string, signal?: AbortSignal): Promise<PassTurn>;
}

/** The line is full. */
export class TooManyWaitingError extends Error {
  override readonly name = 'TooManyWaitingError';
}

/** Divides a number of turns fairly among owners. */
export function createTurns({ maxRunning, maxRunningOfOwner, maxWaiting }: TurnsOptions): Turns {
  const running = new Map<string, number>();
  /** Owners in the order in which they get the next turns. */
  const waiting = new Map<string, Set<() => void>>();
  let runningCount = 0;
  let waitingCount = 0;

  const isAllowed = (owner: string) => (running.get(owner) ?? 0) < maxRunningOfOwner;

  function begin(owner: string): PassTurn {
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
        // Behind all other owners that wait.
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
    take: (owner, signal) =>
      new Promise((resolve, reject) => {
        signal?.throwIfAborted();
        if (runningCount < maxRunning && isAllowed(owner)) {
          resolve(begin(owner));
          return;
        }
        if (waitingCount >= maxWaiting) {
          throw new TooManyWaitingError(`${waitingCount} wait for a turn already.`);
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
