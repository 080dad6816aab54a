/** Takes the closing of whatever is opened. */
export interface Scope {
  register(close: () => Promise<unknown>): void;
  /** Ends the scope's work with this error: something that it stands on is gone. */
  fail(error: Error): void;
}

export interface Scopes {
  /** Runs `work`, then closes what it registered, the last first, whether it worked, failed or was failed. */
  run<Result>(work: (scope: Scope) => Promise<Result>): Promise<Result>;
  /** Closes everything that is open, in the middle of the work. */
  closeAll(): Promise<void>;
  /** Whether `closeAll` was called: then what fails, fails because of that. */
  isClosing(): boolean;
}

export function createScopes(): Scopes {
  const open: (() => Promise<unknown>)[][] = [];
  let isClosing = false;
  return {
    run: async (work) => {
      const closings: (() => Promise<unknown>)[] = [];
      open.push(closings);
      const { promise: failed, reject: fail } = createRejection();
      try {
        return await Promise.race([work({ register: (close) => closings.push(close), fail }), failed]);
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
    isClosing: () => isClosing,
  };
}

// Each closing is taken off the list before it is done: the signal and the work's own end may both be here.
async function closeLastFirst(closings: (() => Promise<unknown>)[]): Promise<void> {
  for (let close = closings.pop(); close; close = closings.pop()) {
    await close();
  }
}

function createRejection(): { promise: Promise<never>; reject: (error: Error) => void } {
  let reject: (error: Error) => void = () => {};
  const promise = new Promise<never>((_resolve, rejectPromise) => {
    reject = rejectPromise;
  });
  return { promise, reject };
}
