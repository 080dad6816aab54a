/** A report that several requests wait for. */
export interface SharedReport<Result> {
  /**
   * Waits for the report. When the signals of all waiting requests have aborted, the report is abandoned.
   *
   * @throws the signal's reason when it aborts before the report is there.
   */
  join(signal: AbortSignal): Promise<Result>;
  /** When it began to read (ms since 1970). Undefined while it waits for its permit. */
  readonly asOfMs: number | undefined;
}

export interface Making {
  /** Aborts when no request waits for the report. */
  signal: AbortSignal;
  /** Records that the report has begun to read. */
  begin: (asOfMs: number) => void;
}

/**
 * Starts a report that several requests may wait for. Calls `onEnd` when it has finished, failed or is
 * abandoned.
 */
export function shareReport<Result>(
  make: (making: Making) => Promise<Result>,
  onEnd: () => void,
): SharedReport<Result> {
  const givingUp = new AbortController();
  let asOfMs: number | undefined;
  let waiting = 0;
  const result = make({
    signal: givingUp.signal,
    begin: (beganMs) => {
      asOfMs = beganMs;
    },
  }).finally(onEnd);
  // Each request that joined gets the failure. Without one, a failure must not count as unhandled.
  result.catch(() => {});

  function leave(): void {
    waiting -= 1;
    if (waiting === 0) {
      onEnd();
      givingUp.abort();
    }
  }

  return {
    get asOfMs() {
      return asOfMs;
    },
    join: (signal) =>
      new Promise((resolve, reject) => {
        waiting += 1;
        const stop = () => {
          leave();
          reject(signal.reason);
        };
        if (signal.aborted) {
          stop();
          return;
        }
        signal.addEventListener('abort', stop, { once: true });
        result.then(resolve, reject).finally(() => signal.removeEventListener('abort', stop));
      }),
  };
}
