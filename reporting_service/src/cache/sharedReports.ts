/** A report that is being made for all who wait for it. */
export interface SharedReport<Result> {
  /**
   * Waits for it. Who leaves by the signal is not waited for; when everybody has left, the making is given up.
   *
   * @throws the signal's reason when it aborts before the report is there.
   */
  join(signal: AbortSignal): Promise<Result>;
  /** When its reading began, in milliseconds since 1970; undefined while it waits for its turn. */
  readonly asOfMs: number | undefined;
}

export interface Making {
  /** Aborts when nobody waits any more. */
  signal: AbortSignal;
  /** Notes that the reading has begun. */
  begin: (asOfMs: number) => void;
}

/** Begins to make a report that several may wait for. `onEnd` is called when it is made, has failed or is given up. */
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
  // Everybody who joined meets its failure. If nobody is left, there is nobody to tell.
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
