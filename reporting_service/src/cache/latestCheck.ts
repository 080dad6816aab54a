import { setImmediate as nextTurn } from 'node:timers/promises';

interface Line<Answer> {
  /** Settles when the last check that has begun ends. */
  underWay: Promise<unknown>;
  /** The check that has not begun. */
  next: Promise<Answer> | undefined;
}

/**
 * Answers a request with a check that began after the request arrived. Runs one check of each key at a time.
 * All requests that arrive until the next one begins share it.
 */
export function createLatestCheck<Answer>(): (key: string, check: () => Promise<Answer>) => Promise<Answer> {
  const lines = new Map<string, Line<Answer>>();

  async function runNext(key: string, line: Line<Answer>, check: () => Promise<Answer>): Promise<Answer> {
    await line.underWay;
    // Clients that got the previous answer may ask again immediately. The event loop needs a full turn to
    // read their requests.
    await nextTurn();
    await nextTurn();
    line.next = undefined;
    const answer = check();
    line.underWay = answer.then(end, end);
    return answer;

    function end(): void {
      if (line.next === undefined) {
        lines.delete(key);
      }
    }
  }

  return (key, check) => {
    let line = lines.get(key);
    if (line === undefined) {
      line = { underWay: Promise.resolve(), next: undefined };
      lines.set(key, line);
    }
    line.next ??= runNext(key, line, check);
    return line.next;
  };
}
