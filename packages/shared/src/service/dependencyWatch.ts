import { setTimeout as delay, setImmediate as nextTurn } from 'node:timers/promises';
import { repeatEvery } from '../async/repeatEvery.ts';
import { TimeoutError } from '../async/withTimeout.ts';
import type { DependencyHealth } from '../http/health.ts';
import type { Logger } from './logger.ts';
import { createOutageLog } from './outageLog.ts';

const STILL_DOWN_MS = 3000;

/** In how many parts the time of a probe is waited for. */
const SLICES = 10;

export interface DependencyWatchOptions {
  /** The dependency as the log calls it. */
  dependency: string;
  /** Asks for a sign of life; rejects if there is none. It need not know a limit of its own. */
  probe: () => Promise<unknown>;
  logger: Logger;
  /** Told every three seconds while the dependency is away, to try what might bring it back. */
  onStillDown?: () => void;
  /** The pause between two probes, in milliseconds. */
  intervalMs?: number;
  /**
   * A dependency that has not answered by then is away, in milliseconds in which this process could have read
   * the answer.
   */
  timeoutMs?: number;
}

export interface DependencyWatch {
  /** Whether the last probe was answered; false before the first one was. */
  readonly isUp: boolean;
  /** How the dependency is, by the last probe. */
  readonly health: DependencyHealth;
  /**
   * Resolves with the result of `work`; rejects at once if the dependency is away, or goes away meanwhile.
   */
  whileUp<Result>(work: () => Promise<Result>): Promise<Result>;
  stop(): void;
}

/**
 * Asks a dependency again and again whether it is there, so that a request to one that hangs is refused at
 * once and not after a timeout of its own. The one place that logs the dependency's outages.
 */
export function createDependencyWatch(options: DependencyWatchOptions): DependencyWatch {
  const { dependency, probe, logger, onStillDown, intervalMs = 250, timeoutMs = 900 } = options;
  const outageLog = createOutageLog(
    { began: `${dependency} is away`, ended: `${dependency} answers again` },
    logger,
  );
  const onDown = new Set<(error: Error) => void>();
  let failure: Error | undefined = new Error('not reached yet');
  let downSinceMs: number | undefined;

  function reportDown(error: Error): void {
    failure = error;
    outageLog.failed(error);
    for (const listener of onDown) {
      listener(error);
    }
    downSinceMs ??= performance.now();
    if (performance.now() - downSinceMs > STILL_DOWN_MS) {
      downSinceMs = performance.now();
      onStillDown?.();
    }
  }

  const watch = repeatEvery(intervalMs, async (signal) => {
    try {
      await answerWithin(probe(), timeoutMs);
      failure = undefined;
      downSinceMs = undefined;
      outageLog.recovered();
    } catch (error) {
      if (!signal.aborted) {
        reportDown(error as Error);
      }
    }
  });

  return {
    get isUp() {
      return failure === undefined;
    },
    get health(): DependencyHealth {
      return failure ? { status: 'down', reason: failure.message } : { status: 'up' };
    },
    whileUp: (work) =>
      new Promise((resolve, reject) => {
        if (failure) {
          reject(failure);
          return;
        }
        onDown.add(reject);
        work()
          .then(resolve, reject)
          .finally(() => onDown.delete(reject));
      }),
    stop: () => void watch.stop(),
  };
}

/**
 * Resolves or rejects as `answer` does, if it does so in time. An answer that lies in the socket while this
 * process is busy is no silence: the time passes in slices, each of which lets the event loop read once more.
 *
 * @throws TimeoutError
 */
async function answerWithin(answer: Promise<unknown>, timeoutMs: number): Promise<void> {
  const done = new AbortController();
  const { signal } = done;
  const silence = async () => {
    for (let slice = 0; slice < SLICES; slice += 1) {
      await delay(timeoutMs / SLICES, undefined, { signal });
    }
    // A timer fires before the sockets are read, and an immediate after.
    await nextTurn(undefined, { signal });
    throw new TimeoutError(`no answer within ${timeoutMs} ms`);
  };
  try {
    await Promise.race([answer, silence()]);
  } finally {
    done.abort();
  }
}
