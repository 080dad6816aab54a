type Close = () => Promise<unknown>;

/** Owns what a piece of work opens. */
export interface Scope {
  register(close: Close): void;
  /** Ends the scope's work with this error. */
  fail(error: Error): void;
}

export interface Scopes {
  /** Runs `work`, then closes what it registered, last in, first out, whether the work succeeds or fails. */
  run<Result>(work: (scope: Scope) => Promise<Result>): Promise<Result>;
  /** Closes everything, the innermost scope first. Work that fails from now on never settles. */
  closeAll(): Promise<void>;
}

export function createScopes(): Scopes {
  const open: Close[][] = [];
  let isClosing = false;
  return {
    run: async <Result>(work: (scope: Scope) => Promise<Result>) => {
      const closings: Close[] = [];
      open.push(closings);
      try {
        return await new Promise<Result>((resolve, reject) => {
          // What fails while everything is closed fails because of that.
          const fail = (error: unknown) => isClosing || reject(error);
          work({ register: (close) => closings.push(close), fail }).then(resolve, fail);
        });
      } finally {
        await closeLastFirst(closings);
        open.splice(open.indexOf(closings), 1);
      }
    },
    closeAll: async () => {
      isClosing = true;
      for (const closings of open.toReversed()) {
        await closeLastFirst(closings);
      }
    },
  };
}

// Each closing leaves the list before it runs: `run` and `closeAll` may work on the same list.
async function closeLastFirst(closings: Close[]): Promise<void> {
  for (let close = closings.pop(); close; close = closings.pop()) {
    await close();
  }
}
