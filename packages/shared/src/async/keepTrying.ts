import { type RetryOptions, retryUntilDone } from './retryUntilDone.ts';

export interface KeepTryingOptions extends Pick<RetryOptions, 'signal' | 'minDelayMs' | 'maxDelayMs'> {
  /** Gets each failure, and then the success. An outage log fits. */
  log: { failed(error: Error): void; recovered(): void };
  /** Whether an error is temporary. Absent: all are. */
  isTransient?: RetryOptions['isTransient'];
}

/**
 * Repeats an operation until it succeeds. Resolves with true after the success, or with false if the signal
 * aborts first.
 *
 * @throws an error of the operation that is not transient.
 */
export async function keepTrying(
  operation: () => Promise<unknown>,
  { log, isTransient = () => true, ...options }: KeepTryingOptions,
): Promise<boolean> {
  try {
    await retryUntilDone(operation, { isTransient, onFailure: log.failed, ...options });
  } catch (error) {
    if (options.signal.aborted) {
      return false;
    }
    throw error;
  }
  log.recovered();
  return true;
}
