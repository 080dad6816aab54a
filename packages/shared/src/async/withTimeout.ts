/** Work did not finish in time. It may finish later. */
export class TimeoutError extends Error {
  override readonly name = 'TimeoutError';
}

/** Waits until `work` ends, for at most `timeoutMs`. Rejects if `work` fails before. */
export async function waitAtMost(work: Promise<unknown>, timeoutMs: number): Promise<void> {
  await withTimeout(work, timeoutMs).catch((error: unknown) => {
    if (!(error instanceof TimeoutError)) {
      throw error;
    }
  });
}

/**
 * Settles as `work` does.
 *
 * @throws TimeoutError after `timeoutMs`. `work` continues.
 */
export async function withTimeout<Result>(work: Promise<Result>, timeoutMs: number): Promise<Result> {
  let timer: NodeJS.Timeout | undefined;
  const timedOut = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => reject(new TimeoutError(`no answer within ${timeoutMs} ms`)), timeoutMs);
  });
  try {
    return await Promise.race([work, timedOut]);
  } finally {
    clearTimeout(timer);
  }
}
